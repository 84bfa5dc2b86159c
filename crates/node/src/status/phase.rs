//! A pod's phase, by the rules of the kubelet (`pkg/kubelet/kubelet_pods.go`, `getPhase`).

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::view::{ContainerView, Course, PodView, Startup, State};

/// The phases that a node reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not every container has been started.
    Pending,
    /// At least one container runs or is being started again.
    Running,
    /// All containers ended well and none will be started again.
    Succeeded,
    /// All containers have ended and one of them badly.
    Failed,
}

impl Phase {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// When containers are started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// After every end.
    Always,
    /// After a failure.
    OnFailure,
    /// Not at all.
    Never,
}

impl RestartPolicy {
    /// The pod's policy; `Always` where it names none.
    pub fn of(spec: &PodSpec) -> Self {
        match spec.restart_policy.as_deref() {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// Whether an init container keeps running beside the containers (`restartPolicy: Always`).
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// The phase that follows from what the containers do.
pub fn phase(spec: &PodSpec, view: &PodView) -> Phase {
    if matches!(view.course, Course::Failed { .. }) && !any_running(view) {
        return Phase::Failed;
    }
    if let Some(phase) = initialization(spec, view) {
        return phase;
    }
    let mut counts = Counts::default();
    for container in &view.containers {
        counts.add(container);
    }
    let policy = match view.course {
        Course::Living => RestartPolicy::of(spec),
        Course::Ending | Course::Failed { .. } => RestartPolicy::Never,
    };
    match (counts, policy) {
        (Counts { waiting: 1.., .. }, _) => Phase::Pending,
        (Counts { running: 1.., .. }, _) => Phase::Running,
        (Counts { stopped: 0, .. }, _) => Phase::Pending,
        (_, RestartPolicy::Always) => Phase::Running,
        (
            Counts {
                stopped, succeeded, ..
            },
            _,
        ) if stopped == succeeded => Phase::Succeeded,
        (_, RestartPolicy::Never) => Phase::Failed,
        (_, RestartPolicy::OnFailure) => Phase::Running,
    }
}

/// The phase where the init containers decide it.
fn initialization(spec: &PodSpec, view: &PodView) -> Option<Phase> {
    let specs = spec.init_containers.as_deref().unwrap_or_default();
    let begun = view
        .containers
        .iter()
        .any(|container| !container.id.is_empty());
    let never = RestartPolicy::of(spec) == RestartPolicy::Never || view.course != Course::Living;
    for (spec, container) in specs.iter().zip(&view.init) {
        if is_sidecar(spec) {
            if !begun && container.startup != Startup::Started {
                return Some(Phase::Pending);
            }
            continue;
        }
        match container.ended() {
            Some(ended) if ended.code == 0 => {}
            Some(_) if never => return Some(Phase::Failed),
            _ => return Some(Phase::Pending),
        }
    }
    None
}

fn any_running(view: &PodView) -> bool {
    view.init
        .iter()
        .chain(&view.containers)
        .any(|it| matches!(it.state, State::Running { .. }))
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    waiting: usize,
    running: usize,
    stopped: usize,
    succeeded: usize,
}

impl Counts {
    fn add(&mut self, container: &ContainerView) {
        match (&container.state, container.ended()) {
            (State::Running { .. }, _) => self.running += 1,
            (_, None) => self.waiting += 1,
            (_, Some(ended)) => {
                self.stopped += 1;
                self.succeeded += usize::from(ended.code == 0);
            }
        }
    }
}
