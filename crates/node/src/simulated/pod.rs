//! The life of one simulated pod, as a state machine over handed-in time.
//!
//! ```text
//!            ┌────────► PullFailed
//!   Creating ┼────────► Running ──ends──► BackOff ──► Running …
//!            └► Refused    └───ends──► Finished          Stopping ──► deleted
//! ```

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Probe};
use seatrial_clock::Random;
use seatrial_controller::Notice;

use super::behaviour::{Behaviour, Readiness as Wanted};
use crate::backoff;
use crate::status::{ContainerView, Ended, Readiness, RestartPolicy, State};

/// How long the first `ErrImagePull` is shown before `ImagePullBackOff` (the kubelet's figure).
const PULL_RETRY: Duration = Duration::from_secs(10);

/// A pod that only pretends.
#[derive(Debug)]
pub(super) struct Simulation {
    pub(super) behaviour: Arc<Behaviour>,
    pub(super) address: Option<IpAddr>,
    pub(super) host: IpAddr,
    pub(super) arrived: Timestamp,
    /// When the pod fails as a whole (`activeDeadlineSeconds`).
    deadline: Option<Timestamp>,
    pub(super) stage: Stage,
    /// How often its containers were started again.
    pub(super) restarts: i32,
    /// Ends in a row, for the back-off.
    ends: u32,
    pub(super) last: Option<Box<Ended>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
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
        defaults: &Arc<Behaviour>,
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
            deadline: deadline(pod, now),
            stage,
            restarts: 0,
            ends: 0,
            last: None,
        }
    }

    /// A pod that the node turns away.
    pub(super) fn rejected(host: IpAddr, reason: &str, message: String, now: Timestamp) -> Self {
        Self {
            behaviour: Arc::default(),
            address: None,
            host,
            arrived: now,
            deadline: None,
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
            self.deadline = deadline(pod, start.0);
        }
        let containers = status.container_statuses.as_deref().unwrap_or_default();
        let Some(first) = containers.first().map(ContainerView::from_status) else {
            return false;
        };
        self.restarts = first.restarts;
        self.last = first.last.clone().map(Box::new);
        match (status.phase.as_deref(), first.state) {
            (Some("Succeeded" | "Failed"), state) => {
                if let State::Terminated(ended) = state {
                    self.last = Some(Box::new(ended));
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
        let next = self.stage_due();
        match self.deadline.filter(|_| self.is_mortal()) {
            Some(deadline) => Some(next.map_or(deadline, |next| next.min(deadline))),
            None => next,
        }
    }

    /// Whether the deadline still matters.
    fn is_mortal(&self) -> bool {
        let over = matches!(
            self.stage,
            Stage::Finished | Stage::Rejected { .. } | Stage::Stopping { .. }
        );
        !over
    }

    fn stage_due(&self) -> Option<Timestamp> {
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
        if self.deadline.is_some_and(|deadline| deadline <= due) {
            self.expire(due, notices);
            return;
        }
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

    fn expire(&mut self, due: Timestamp, notices: &mut Vec<Notice>) {
        let message = "Pod was active on the node longer than the specified deadline";
        notices.push(Notice::normal("DeadlineExceeded", message));
        if let Stage::Running { since, .. } = self.stage {
            self.last = Some(Box::new(ended(137, since, due)));
        }
        self.stage = Stage::Rejected {
            reason: "DeadlineExceeded".to_owned(),
            message: message.to_owned(),
        };
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
        self.last = Some(Box::new(ended(code, since, at)));
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

    /// What is wrong with the pod's annotations, as an event: `kubectl describe` shows no message of a
    /// container that waits.
    pub(super) fn refusal(&self) -> Option<Notice> {
        match &self.stage {
            Stage::Refused { message } => {
                Some(Notice::warning("Failed", format!("Error: {message}")))
            }
            _ => None,
        }
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
}

pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

fn ended(code: i32, started_at: Timestamp, finished_at: Timestamp) -> Ended {
    Ended {
        code,
        signal: None,
        reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
        message: None,
        started_at,
        finished_at,
        id: String::new(),
    }
}

fn deadline(pod: &Pod, arrived: Timestamp) -> Option<Timestamp> {
    let limit = pod.spec.as_ref()?.active_deadline_seconds?;
    Some(later(
        arrived,
        Duration::from_secs(limit.max(0).unsigned_abs()),
    ))
}

fn policy(pod: &Pod) -> RestartPolicy {
    pod.spec
        .as_ref()
        .map_or(RestartPolicy::Always, RestartPolicy::of)
}

/// What the probes add to the time until the pod is ready: the slowest container counts.
fn probed(spec: &PodSpec) -> Duration {
    let delay = |probe: &Option<Probe>| {
        let delay = probe.as_ref().and_then(|probe| probe.initial_delay_seconds);
        i64::from(delay.unwrap_or(0))
    };
    let repeats = |probe: &Option<Probe>| {
        probe.as_ref().map_or(0, |probe| {
            let more = i64::from(probe.success_threshold.unwrap_or(1)) - 1;
            more * i64::from(probe.period_seconds.unwrap_or(10))
        })
    };
    let slowest = spec.containers.iter().map(|container| {
        delay(&container.startup_probe)
            + delay(&container.readiness_probe)
            + repeats(&container.readiness_probe)
    });
    Duration::from_secs(slowest.max().unwrap_or(0).max(0).unsigned_abs())
}

/// `name_namespace(uid)`, as upstream names pods in messages.
pub(super) fn place(pod: &Pod) -> String {
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
