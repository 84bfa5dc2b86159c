//! The life of one simulated pod, as a state machine over handed-in time.
//!
//! ```text
//!            ┌────────► PullFailed
//!   Creating ┼────────► Running ──ends──► BackOff ──► Running …
//!            └► Refused    └───ends──► Finished          Stopping ──► deleted
//! ```

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Probe};
use seatrial_clock::Random;
use seatrial_controller::Notice;

use super::behaviour::{Behaviour, Readiness as Wanted};
use crate::backoff;
use crate::status::{
    CRASH_LOOP, CREATING, ContainerView, Course, Ended, PodView, Readiness, RestartPolicy, Startup,
    State, is_sidecar,
};

/// How long the first `ErrImagePull` is shown before `ImagePullBackOff` (the kubelet's figure).
const PULL_RETRY: Duration = Duration::from_secs(10);

/// A pod that only pretends.
#[derive(Debug)]
pub(super) struct Simulation {
    behaviour: Behaviour,
    address: Option<IpAddr>,
    host: IpAddr,
    arrived: Timestamp,
    stage: Stage,
    /// How often its containers were started again.
    restarts: i32,
    /// Ends in a row, for the back-off.
    ends: u32,
    last: Option<Ended>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The image is being pulled and the container started.
    Creating { until: Timestamp },
    /// The image cannot be pulled. Shown as `ErrImagePull` until then, afterwards as back-off.
    PullFailed { retry: Option<Timestamp> },
    /// The pod's annotations cannot be understood.
    Refused { message: String },
    /// The containers run.
    Running {
        since: Timestamp,
        readiness: Readiness,
        ready_at: Option<Timestamp>,
        ends: Option<Timestamp>,
    },
    /// The containers wait to be started again.
    BackOff { wait: Duration, until: Timestamp },
    /// The containers have ended for good.
    Finished,
    /// The node turned the pod away.
    Rejected { reason: String, message: String },
    /// The pod is to be deleted then.
    Stopping { until: Timestamp },
}

/// What a moment brings.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// Whether the status is to be written.
    pub(super) status: Write,
    /// Events to emit.
    pub(super) notices: Vec<Notice>,
}

/// Whether something is to be written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Nothing changed.
    #[default]
    Nothing,
    /// The status.
    Status,
    /// The pod's end.
    Deletion,
}

impl Simulation {
    /// A pod that arrives now.
    pub(super) fn new(
        pod: &Pod,
        defaults: &Behaviour,
        address: Option<IpAddr>,
        host: IpAddr,
        (random, now): (&Random, Timestamp),
    ) -> Self {
        let (behaviour, stage) = match defaults.of(pod) {
            Ok(behaviour) => {
                let wait = behaviour.pull.draw(random) + behaviour.start.draw(random);
                (
                    behaviour,
                    Stage::Creating {
                        until: later(now, wait),
                    },
                )
            }
            Err(invalid) => (
                defaults.clone(),
                Stage::Refused {
                    message: invalid.to_string(),
                },
            ),
        };
        Self {
            behaviour,
            address,
            host,
            arrived: now,
            stage,
            restarts: 0,
            ends: 0,
            last: None,
        }
    }

    /// A pod that the node turns away.
    pub(super) fn rejected(host: IpAddr, reason: &str, message: String, now: Timestamp) -> Self {
        Self {
            behaviour: Behaviour::default(),
            address: None,
            host,
            arrived: now,
            stage: Stage::Rejected {
                reason: reason.to_owned(),
                message,
            },
            restarts: 0,
            ends: 0,
            last: None,
        }
    }

    /// Takes over what an earlier process of ours wrote, so that a restart of the cluster restarts
    /// no simulated pod. False where there is nothing to take over.
    pub(super) fn resume(&mut self, pod: &Pod, random: &Random) -> bool {
        let Some(status) = &pod.status else {
            return false;
        };
        if let Some(start) = &status.start_time {
            self.arrived = start.0;
        }
        let containers = status.container_statuses.as_deref().unwrap_or_default();
        let Some(first) = containers.first().map(ContainerView::from_status) else {
            return false;
        };
        self.restarts = first.restarts;
        self.last = first.last.clone();
        match (status.phase.as_deref(), first.state) {
            (Some("Succeeded" | "Failed"), state) => {
                if let State::Terminated(ended) = state {
                    self.last = Some(ended);
                }
                self.stage = Stage::Finished;
            }
            (_, State::Running { since }) => {
                self.run(pod, random, since);
                if let Stage::Running { readiness, .. } = &mut self.stage
                    && first.readiness == Readiness::Ready
                {
                    *readiness = Readiness::Ready;
                }
            }
            _ => return false,
        }
        true
    }

    /// The pod's address.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// When the next thing happens by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Creating { until }
            | Stage::BackOff { until, .. }
            | Stage::Stopping { until } => Some(*until),
            Stage::PullFailed { retry } => *retry,
            Stage::Running {
                readiness: Readiness::Ready,
                ends,
                ..
            } => *ends,
            Stage::Running { ready_at, ends, .. } => match (ready_at, ends) {
                (Some(ready), Some(ends)) => Some(*ready.min(ends)),
                (one, other) => one.or(*other),
            },
            Stage::Refused { .. } | Stage::Finished | Stage::Rejected { .. } => None,
        }
    }

    /// Begins the pod's end, where it has not begun.
    pub(super) fn stop(&mut self, pod: &Pod, random: &Random, now: Timestamp) {
        if matches!(self.stage, Stage::Stopping { .. }) {
            return;
        }
        let grace = pod
            .metadata
            .deletion_grace_period_seconds
            .unwrap_or(30)
            .max(0)
            .unsigned_abs();
        let wait = match self.stage {
            Stage::Running { .. } => self
                .behaviour
                .stop
                .draw(random)
                .min(Duration::from_secs(grace)),
            _ => Duration::ZERO,
        };
        self.stage = Stage::Stopping {
            until: later(now, wait),
        };
    }

    /// Lets everything happen that is due by `now`. Several changes make one write.
    pub(super) fn advance(&mut self, pod: &Pod, random: &Random, now: Timestamp) -> Turn {
        let mut turn = Turn::default();
        while let Some(due) = self.due().filter(|due| *due <= now) {
            if matches!(self.stage, Stage::Stopping { .. }) {
                turn.status = Write::Deletion;
                return turn;
            }
            turn.status = Write::Status;
            self.step(pod, random, due, &mut turn.notices);
        }
        turn
    }

    fn step(&mut self, pod: &Pod, random: &Random, due: Timestamp, notices: &mut Vec<Notice>) {
        match &mut self.stage {
            Stage::Creating { .. } if self.behaviour.pull_error.is_some() => {
                notices.extend(self.pull_failed(pod));
                self.stage = Stage::PullFailed {
                    retry: Some(later(due, PULL_RETRY)),
                };
            }
            Stage::PullFailed { retry } => *retry = None,
            Stage::Creating { .. } => self.run(pod, random, due),
            Stage::BackOff { .. } => {
                self.restarts += 1;
                let wait = self.behaviour.start.draw(random);
                match wait {
                    Duration::ZERO => self.run(pod, random, due),
                    _ => {
                        self.stage = Stage::Creating {
                            until: later(due, wait),
                        }
                    }
                }
            }
            Stage::Running {
                readiness,
                ready_at,
                ..
            } if ready_at.is_some_and(|at| at <= due) => {
                *readiness = Readiness::Ready;
                *ready_at = None;
            }
            Stage::Running { since, .. } => {
                let since = *since;
                self.end(pod, since, due, notices);
            }
            Stage::Refused { .. }
            | Stage::Finished
            | Stage::Rejected { .. }
            | Stage::Stopping { .. } => {}
        }
    }

    fn run(&mut self, pod: &Pod, random: &Random, since: Timestamp) {
        let delay =
            self.behaviour.ready.draw(random) + pod.spec.as_ref().map(probed).unwrap_or_default();
        let ends = match (self.behaviour.crash, policy(pod)) {
            (Some(crash), _) => Some(crash.after),
            (None, RestartPolicy::Always) => None,
            (None, _) => Some(self.behaviour.complete.after),
        };
        let ends = ends.map(|after| later(since, after.draw(random)));
        let (readiness, ready_at) = match self.behaviour.readiness {
            Wanted::Never => (Readiness::Unready, None),
            Wanted::Reached if delay.is_zero() => (Readiness::Ready, None),
            Wanted::Reached => (Readiness::Unready, Some(later(since, delay))),
        };
        self.stage = Stage::Running {
            since,
            readiness,
            ready_at,
            ends,
        };
    }

    fn end(&mut self, pod: &Pod, since: Timestamp, at: Timestamp, notices: &mut Vec<Notice>) {
        let code = self.behaviour.crash.unwrap_or(self.behaviour.complete).code;
        if at.duration_since(since).unsigned_abs() >= backoff::RECOVERED_AFTER {
            self.ends = 0;
        }
        self.ends += 1;
        self.last = Some(Ended {
            code,
            signal: None,
            reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
            message: None,
            started_at: since,
            finished_at: at,
            id: String::new(),
        });
        let again = match policy(pod) {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => code != 0,
            RestartPolicy::Never => false,
        };
        if !again {
            self.stage = Stage::Finished;
            return;
        }
        let wait = backoff::after_ends(self.ends);
        if !wait.is_zero() {
            notices.extend(containers(pod).map(|container| {
                Notice::warning(
                    "BackOff",
                    format!(
                        "Back-off restarting failed container {} in pod {}",
                        container.name,
                        place(pod)
                    ),
                )
            }));
        }
        self.stage = Stage::BackOff {
            wait,
            until: later(at, wait),
        };
    }

    fn pull_failed(&self, pod: &Pod) -> Vec<Notice> {
        let message = self.behaviour.pull_error.as_deref().unwrap_or_default();
        let failed = |container: &Container| {
            let image = container.image.as_deref().unwrap_or_default();
            [
                Notice::warning(
                    "Failed",
                    format!("Failed to pull image {image:?}: {message}"),
                ),
                Notice::warning("Failed", "Error: ErrImagePull"),
            ]
        };
        containers(pod).flat_map(failed).collect()
    }

    /// What the pod looks like now.
    pub(super) fn view(&self, pod: &Pod) -> PodView {
        let spec = pod.spec.as_ref();
        let init = spec
            .and_then(|spec| spec.init_containers.as_deref())
            .unwrap_or_default();
        PodView {
            init: init
                .iter()
                .map(|container| self.init_container(pod, container))
                .collect(),
            containers: containers(pod)
                .map(|container| self.container(pod, container))
                .collect(),
            address: self.address,
            host: self.host,
            started_at: self.arrived,
            course: match &self.stage {
                Stage::Rejected { reason, message } => Course::Failed {
                    reason: reason.clone(),
                    message: message.clone(),
                },
                _ => Course::Living,
            },
        }
    }

    fn init_container(&self, pod: &Pod, container: &Container) -> ContainerView {
        let mut view = ContainerView::waiting(&container.name, CREATING);
        let begun = !matches!(
            self.stage,
            Stage::Creating { .. }
                | Stage::PullFailed { .. }
                | Stage::Refused { .. }
                | Stage::Rejected { .. }
        );
        if !begun && self.last.is_none() {
            return view;
        }
        if is_sidecar(container) {
            return self.container(pod, container);
        }
        view.id = identity(pod, container, 0);
        view.state = State::Terminated(Ended {
            code: 0,
            signal: None,
            reason: "Completed".to_owned(),
            message: None,
            started_at: self.arrived,
            finished_at: self.arrived,
            id: view.id.clone(),
        });
        view.readiness = Readiness::Ready;
        view
    }

    fn container(&self, pod: &Pod, container: &Container) -> ContainerView {
        let mut view = ContainerView::waiting(&container.name, CREATING);
        view.restarts = self.restarts;
        let id = identity(pod, container, self.restarts);
        let last = self.last.as_ref().map(|last| Ended {
            id: id.clone(),
            ..last.clone()
        });
        let waiting = |reason, message| State::Waiting {
            reason,
            message: Some(message),
        };
        let image = container.image.as_deref().unwrap_or_default();
        let error = self.behaviour.pull_error.as_deref().unwrap_or_default();
        match (&self.stage, last) {
            (Stage::Finished | Stage::Creating { .. }, Some(last)) => {
                view.id = id;
                view.state = State::Terminated(last);
            }
            (
                Stage::Running {
                    since, readiness, ..
                },
                last,
            ) => {
                view.id = id;
                view.state = State::Running { since: *since };
                view.readiness = *readiness;
                view.startup = Startup::Started;
                view.last = last;
            }
            (Stage::BackOff { wait, .. }, last) => {
                let wait = backoff::show(*wait);
                let message = format!(
                    "back-off {wait} restarting failed container={} pod={}",
                    container.name,
                    place(pod)
                );
                view.id = id;
                view.state = waiting(CRASH_LOOP, message);
                view.last = last;
            }
            (Stage::PullFailed { retry: Some(_) }, _) => {
                let message = format!("failed to pull image {image:?}: {error}");
                view.state = waiting("ErrImagePull", message);
            }
            (Stage::PullFailed { retry: None }, _) => {
                let message = format!(
                    "Back-off pulling image {image:?}: ErrImagePull: failed to pull image {image:?}: {error}"
                );
                view.state = waiting("ImagePullBackOff", message);
            }
            (Stage::Refused { message }, _) => {
                view.state = waiting("CreateContainerConfigError", message.clone());
            }
            _ => {}
        }
        view
    }
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

fn policy(pod: &Pod) -> RestartPolicy {
    pod.spec
        .as_ref()
        .map_or(RestartPolicy::Always, RestartPolicy::of)
}

/// What the probes add to the time until the pod is ready: the slowest container counts.
fn probed(spec: &PodSpec) -> Duration {
    let delay =
        |probe: &Option<Probe>| probe.as_ref().and_then(|probe| probe.initial_delay_seconds);
    let repeats = |probe: &Option<Probe>| {
        probe.as_ref().map_or(0, |probe| {
            (probe.success_threshold.unwrap_or(1) - 1) * probe.period_seconds.unwrap_or(10)
        })
    };
    let slowest = spec.containers.iter().map(|container| {
        delay(&container.startup_probe).unwrap_or(0)
            + delay(&container.readiness_probe).unwrap_or(0)
            + repeats(&container.readiness_probe)
    });
    Duration::from_secs(slowest.max().unwrap_or(0).max(0).unsigned_abs().into())
}

fn identity(pod: &Pod, container: &Container, restarts: i32) -> String {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    format!("simulated://{uid}-{}-{restarts}", container.name)
}

/// `name_namespace(uid)`, as upstream names pods in messages.
fn place(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "{}_{}({})",
        text(&meta.name),
        text(&meta.namespace),
        text(&meta.uid)
    )
}

fn later(time: Timestamp, wait: Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
