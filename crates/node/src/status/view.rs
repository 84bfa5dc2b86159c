//! What a node knows of a pod, free of how it came to know it.

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A pod as its node sees it. [`super::pod_status`] turns it into the object's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodView {
    /// Init containers in the order of the spec.
    pub init: Vec<ContainerView>,
    /// Containers in the order of the spec.
    pub containers: Vec<ContainerView>,
    /// Ephemeral containers in the order of the spec.
    pub ephemeral: Vec<ContainerView>,
    /// The pod's address; absent while it has no sandbox.
    pub address: Option<IpAddr>,
    /// The node's address.
    pub host: IpAddr,
    /// When the node first saw the pod.
    pub started_at: Timestamp,
    /// Whether the containers will never be started again.
    pub course: Course,
}

/// Whether a pod's containers are to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// They are, as the restart policy says.
    Living,
    /// They are being ended, or have been: the pod is deleted, or failed as a whole.
    Ending,
    /// The node ended the pod by itself, for instance `DeadlineExceeded`.
    Failed {
        /// A CamelCase word for `status.reason`.
        reason: String,
        /// A sentence for `status.message`.
        message: String,
    },
}

/// A container as its node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerView {
    /// Its name in the spec.
    pub name: String,
    /// What it does now.
    pub state: State,
    /// How its previous run ended.
    pub last: Option<Ended>,
    /// How often it was started again.
    pub restarts: i32,
    /// What its readiness probe says; without one, whether it runs.
    pub readiness: Readiness,
    /// Whether its startup probe (if any) has succeeded in this run.
    pub startup: Startup,
    /// The image in full; empty while unresolved, then the spec's reference is shown.
    pub image: String,
    /// The image's digest; empty while unresolved.
    pub image_id: String,
    /// `runtime://id` of the present or last run; empty before the first.
    pub id: String,
}

/// Whether a container takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// It does not, or is not known to.
    Unready,
}

/// Whether a container has come up in its present run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Startup {
    /// Its startup probe succeeded, or it has none and runs.
    Started,
    /// Not yet, or it does not run.
    Pending,
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is to be started, or started again.
    Waiting {
        /// A CamelCase word such as `ContainerCreating`.
        reason: &'static str,
        /// More about it.
        message: Option<String>,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It has ended.
    Terminated(Ended),
}

/// How a run of a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// 0 is success.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub reason: String,
    /// Its termination message, or why it could not start.
    pub message: Option<String>,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// `runtime://id` of the run.
    pub id: String,
}

/// Waiting for its turn, its image or its sandbox.
pub const CREATING: &str = "ContainerCreating";
/// Waiting for the init containers.
pub const INITIALIZING: &str = "PodInitializing";
/// Waiting to be started again after a failure.
pub const CRASH_LOOP: &str = "CrashLoopBackOff";

impl ContainerView {
    /// A container that has not been started.
    pub fn waiting(name: &str, reason: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Waiting {
                reason,
                message: None,
            },
            last: None,
            restarts: 0,
            readiness: Readiness::Unready,
            startup: Startup::Pending,
            image: String::new(),
            image_id: String::new(),
            id: String::new(),
        }
    }

    /// How its present or previous run ended.
    pub fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Terminated(ended) => Some(ended),
            State::Waiting { .. } => self.last.as_ref(),
            State::Running { .. } => None,
        }
    }

    /// The status of the API object; `image` is the spec's reference.
    pub fn status(&self, image: Option<&str>) -> core::ContainerStatus {
        let ready = self.readiness == Readiness::Ready;
        let image = if self.image.is_empty() {
            image.unwrap_or("")
        } else {
            &self.image
        };
        core::ContainerStatus {
            name: self.name.clone(),
            image: image.to_owned(),
            image_id: self.image_id.clone(),
            container_id: some(&self.id),
            ready,
            started: Some(self.startup == Startup::Started),
            restart_count: self.restarts,
            state: Some(self.state.status()),
            last_state: Some(
                self.last
                    .as_ref()
                    .map(|ended| State::Terminated(ended.clone()).status())
                    .unwrap_or_default(),
            ),
            ..Default::default()
        }
    }

    /// Reads back what an earlier process of the node wrote.
    pub fn from_status(status: &core::ContainerStatus) -> Self {
        let state = status.state.as_ref();
        let last = status
            .last_state
            .as_ref()
            .and_then(|last| last.terminated.as_ref());
        Self {
            name: status.name.clone(),
            state: state.map_or(
                State::Waiting {
                    reason: CREATING,
                    message: None,
                },
                State::from_status,
            ),
            last: last.map(Ended::from_status),
            restarts: status.restart_count,
            readiness: if status.ready {
                Readiness::Ready
            } else {
                Readiness::Unready
            },
            startup: match status.started {
                Some(true) => Startup::Started,
                _ => Startup::Pending,
            },
            image: status.image.clone(),
            image_id: status.image_id.clone(),
            id: status.container_id.clone().unwrap_or_default(),
        }
    }
}

impl State {
    fn status(&self) -> core::ContainerState {
        match self {
            Self::Waiting { reason, message } => core::ContainerState {
                waiting: Some(core::ContainerStateWaiting {
                    reason: Some((*reason).to_owned()),
                    message: message.clone(),
                }),
                ..Default::default()
            },
            Self::Running { since } => core::ContainerState {
                running: Some(core::ContainerStateRunning {
                    started_at: Some(Time(*since)),
                }),
                ..Default::default()
            },
            Self::Terminated(ended) => core::ContainerState {
                terminated: Some(core::ContainerStateTerminated {
                    container_id: some(&ended.id),
                    exit_code: ended.code,
                    signal: ended.signal,
                    reason: some(&ended.reason),
                    message: ended.message.clone(),
                    started_at: Some(Time(ended.started_at)),
                    finished_at: Some(Time(ended.finished_at)),
                }),
                ..Default::default()
            },
        }
    }

    fn from_status(state: &core::ContainerState) -> Self {
        if let Some(terminated) = &state.terminated {
            return Self::Terminated(Ended::from_status(terminated));
        }
        if let Some(running) = &state.running {
            let since = running
                .started_at
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
            return Self::Running { since };
        }
        let waiting = state.waiting.as_ref();
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        Self::Waiting {
            reason: match reason {
                Some(CRASH_LOOP) => CRASH_LOOP,
                Some(INITIALIZING) => INITIALIZING,
                _ => CREATING,
            },
            message: waiting.and_then(|waiting| waiting.message.clone()),
        }
    }
}

impl Ended {
    fn from_status(status: &core::ContainerStateTerminated) -> Self {
        let time = |time: &Option<Time>| time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        Self {
            code: status.exit_code,
            signal: status.signal,
            reason: status.reason.clone().unwrap_or_default(),
            message: status.message.clone(),
            started_at: time(&status.started_at),
            finished_at: time(&status.finished_at),
            id: status.container_id.clone().unwrap_or_default(),
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
