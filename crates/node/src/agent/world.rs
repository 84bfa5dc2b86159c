//! What the agent knows of one pod: plain data, from which [`super::decide`] decides.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::status::{
    CREATING, ContainerView, Course, Ended, INITIALIZING, PodView, Readiness, Startup, State,
};

/// A pod on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct World {
    /// The pod's sandbox.
    pub(super) sandbox: Sandbox,
    /// Init containers, in the order of the spec.
    pub(super) init: Vec<Unit>,
    /// Containers, in the order of the spec.
    pub(super) containers: Vec<Unit>,
    /// Ephemeral containers, in the order of the spec; more may be added at any time.
    pub(super) ephemeral: Vec<Unit>,
    /// Whether the pod is to live.
    pub(super) course: Course,
    /// Where deletion was asked for: when the containers must have ended.
    pub(super) deadline: Option<Timestamp>,
    /// The node's address.
    pub(super) host: IpAddr,
    /// The last address the pod had.
    pub(super) address: Option<IpAddr>,
    /// When the node first saw the pod.
    pub(super) started_at: Timestamp,
}

/// What there is of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sandbox {
    /// None. A failure to make it, or its volumes, is not retried before then.
    Absent {
        /// When to try again.
        retry: Option<Timestamp>,
        /// Failures in a row.
        failures: u32,
    },
    /// It and its volumes are being made.
    Creating {
        /// Failures before this try.
        failures: u32,
    },
    /// Containers can be started in it.
    Ready,
    /// It is being taken down.
    Stopping,
}

/// A container of the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// As the status shows it.
    pub(super) view: ContainerView,
    /// What is being done with it.
    pub(super) activity: Activity,
    /// Ends in a row, for the back-off; and failed tries to start.
    pub(super) failures: u32,
    /// Before when it is not to be started again.
    pub(super) retry: Option<Timestamp>,
}

/// What is being done with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing: it was never started, or has ended.
    Idle,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being ended, and killed then.
    Stopping {
        /// When it is killed.
        deadline: Timestamp,
    },
}

/// Which container: its list and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// An init container.
    Init(usize),
    /// A container.
    Main(usize),
    /// An ephemeral container, which somebody added to a pod that runs.
    Ephemeral(usize),
}

impl Unit {
    fn fresh(container: &Container, reason: &'static str) -> Self {
        Self::named(&container.name, reason)
    }

    fn named(name: &str, reason: &'static str) -> Self {
        Self {
            view: ContainerView::waiting(name, reason),
            activity: Activity::Idle,
            failures: 0,
            retry: None,
        }
    }

    /// Whether it has been started in this sandbox or an earlier one.
    pub(super) fn has_begun(&self) -> bool {
        !self.view.id.is_empty()
    }

    /// Notes that a run has begun.
    pub(super) fn started(
        &mut self,
        id: String,
        now: Timestamp,
        startup: Startup,
        readiness: Readiness,
    ) {
        if let State::Terminated(ended) = &self.view.state {
            self.view.last = Some(ended.clone());
        }
        if self.has_begun() {
            self.view.restarts += 1;
        }
        self.view.id = id;
        self.view.state = State::Running { since: now };
        self.view.startup = startup;
        self.view.readiness = readiness;
        self.activity = Activity::Running;
        self.retry = None;
    }

    /// Notes that a run, or a try to start one, has ended.
    pub(super) fn ended(&mut self, ended: Ended) {
        self.view.state = State::Terminated(ended);
        self.view.readiness = Readiness::Unready;
        self.view.startup = Startup::Pending;
        self.activity = Activity::Idle;
        self.retry = None;
    }

    /// Waits before the next try.
    pub(super) fn waiting(&mut self, reason: &'static str, message: String, retry: Timestamp) {
        if let State::Terminated(ended) = &self.view.state {
            self.view.last = Some(ended.clone());
        }
        self.view.state = State::Waiting {
            reason,
            message: Some(message),
        };
        self.activity = Activity::Idle;
        self.retry = Some(retry);
    }
}

impl World {
    /// A pod that the agent sees for the first time, perhaps after an earlier agent was killed.
    ///
    /// What ran then has ended, since the sandboxes of an earlier agent are removed before.
    pub(super) fn new(pod: &Pod, host: IpAddr, now: Timestamp) -> Self {
        let empty = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&empty);
        let init = spec.init_containers.as_deref().unwrap_or_default();
        let reason = if init.is_empty() {
            CREATING
        } else {
            INITIALIZING
        };
        let units = |containers: &[Container], reason| -> Vec<Unit> {
            containers
                .iter()
                .map(|container| Unit::fresh(container, reason))
                .collect()
        };
        let mut world = Self {
            sandbox: Sandbox::Absent {
                retry: None,
                failures: 0,
            },
            init: units(init, reason),
            containers: units(&spec.containers, reason),
            ephemeral: Vec::new(),
            course: Course::Living,
            deadline: None,
            host,
            address: None,
            started_at: now,
        };
        world.join(pod);
        world.resume(pod, now);
        world
    }

    /// Takes in ephemeral containers that were added; says whether there were any.
    pub(super) fn join(&mut self, pod: &Pod) -> bool {
        let spec = pod.spec.as_ref();
        let all = spec.and_then(|spec| spec.ephemeral_containers.as_deref());
        let new = all.unwrap_or_default().iter().skip(self.ephemeral.len());
        let new: Vec<Unit> = new
            .map(|container| Unit::named(&container.name, CREATING))
            .collect();
        let any = !new.is_empty();
        self.ephemeral.extend(new);
        any
    }

    fn resume(&mut self, pod: &Pod, now: Timestamp) {
        let Some(status) = &pod.status else { return };
        if let Some(start) = &status.start_time {
            self.started_at = start.0;
        }
        self.address = status
            .pod_ip
            .as_deref()
            .and_then(|address| address.parse().ok());
        if let (Some("Failed"), Some(reason)) = (status.phase.as_deref(), &status.reason) {
            let message = status.message.clone().unwrap_or_default();
            self.course = Course::Failed {
                reason: reason.clone(),
                message,
            };
        }
        let known = status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .chain(&status.ephemeral_container_statuses);
        let known: Vec<ContainerView> = known.flatten().map(ContainerView::from_status).collect();
        let units = self.init.iter_mut().chain(&mut self.containers);
        for unit in units.chain(&mut self.ephemeral) {
            let Some(view) = known.iter().find(|view| view.name == unit.view.name) else {
                continue;
            };
            unit.view = view.clone();
            if let State::Running { since } = unit.view.state {
                unit.failures = 1;
                unit.ended(Ended {
                    code: 137,
                    signal: Some(9),
                    reason: "Error".to_owned(),
                    message: Some("the node's agent was restarted".to_owned()),
                    started_at: since,
                    finished_at: now,
                    id: unit.view.id.clone(),
                });
            }
        }
    }

    /// The unit in a slot.
    pub(super) fn unit(&self, slot: Slot) -> Option<&Unit> {
        match slot {
            Slot::Init(index) => self.init.get(index),
            Slot::Main(index) => self.containers.get(index),
            Slot::Ephemeral(index) => self.ephemeral.get(index),
        }
    }

    /// The unit in a slot, to be changed.
    pub(super) fn unit_mut(&mut self, slot: Slot) -> Option<&mut Unit> {
        match slot {
            Slot::Init(index) => self.init.get_mut(index),
            Slot::Main(index) => self.containers.get_mut(index),
            Slot::Ephemeral(index) => self.ephemeral.get_mut(index),
        }
    }

    /// All slots, init containers first.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let init = (0..self.init.len()).map(Slot::Init);
        init.chain((0..self.containers.len()).map(Slot::Main))
            .chain((0..self.ephemeral.len()).map(Slot::Ephemeral))
    }

    /// All units, init containers first.
    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.init
            .iter()
            .chain(&self.containers)
            .chain(&self.ephemeral)
    }

    /// As the status shows it.
    pub(super) fn view(&self) -> PodView {
        let views = |units: &[Unit]| units.iter().map(|unit| unit.view.clone()).collect();
        PodView {
            init: views(&self.init),
            containers: views(&self.containers),
            ephemeral: views(&self.ephemeral),
            address: self.address,
            host: self.host,
            started_at: self.started_at,
            course: self.course.clone(),
        }
    }
}

impl Slot {
    /// The container's spec.
    pub(super) fn of(self, pod: &Pod) -> Option<Cow<'_, Container>> {
        let spec = pod.spec.as_ref()?;
        match self {
            Self::Init(index) => spec.init_containers.as_ref()?.get(index).map(Cow::Borrowed),
            Self::Main(index) => spec.containers.get(index).map(Cow::Borrowed),
            Self::Ephemeral(index) => {
                let added = spec.ephemeral_containers.as_ref()?.get(index)?;
                // The fields of the one are those of the other; the target is a further one.
                let value = serde_json::to_value(added).ok()?;
                serde_json::from_value(value).ok().map(Cow::Owned)
            }
        }
    }
}
