//! What to do next with a pod. Pure.
//!
//! ```text
//!   living:  sandbox ─► init containers, one after the other ─► containers; each restarted as the
//!            policy says, with back-off
//!   ending:  containers, then sidecars from the last to the first ─► sandbox ─► the object
//! ```

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::world::{Activity, Sandbox, Slot, Unit, World};
use crate::backoff;
use crate::status::{Course, Ended, RestartPolicy, Startup, State, is_sidecar, phase};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Make the sandbox and the volumes.
    CreateSandbox,
    /// Start a container.
    Start(Slot),
    /// Show that a container waits before it is started again.
    BackOff {
        /// Which.
        slot: Slot,
        /// How long after its end.
        wait: Duration,
        /// Until when.
        until: Timestamp,
    },
    /// End a container, and kill it at the deadline.
    Stop {
        /// Which.
        slot: Slot,
        /// When it is killed.
        deadline: Timestamp,
    },
    /// End the pod as a whole.
    Fail {
        /// For `status.reason`.
        reason: &'static str,
        /// For `status.message`.
        message: String,
    },
    /// Take the sandbox down.
    StopSandbox,
    /// The pod has ended as was asked: delete the object.
    Delete,
}

/// What to do now, and when to look again if nothing happens before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// In this order.
    pub(super) actions: Vec<Action>,
    /// When to look again.
    pub(super) wake: Option<Timestamp>,
}

impl Decision {
    fn wake_at(&mut self, time: Timestamp) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }
}

/// Decides.
pub(super) fn decide(pod: &Pod, world: &World, now: Timestamp) -> Decision {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let mut decision = Decision::default();
    if world.deadline.is_none() && world.course == Course::Living && !has_ended(spec, world) {
        match spec
            .active_deadline_seconds
            .map(|limit| plus(world.started_at, seconds(limit)))
        {
            Some(limit) if limit <= now => {
                decision.actions.push(Action::Fail {
                    reason: "DeadlineExceeded",
                    message: "Pod was active on the node longer than the specified deadline"
                        .to_owned(),
                });
                return decision;
            }
            Some(limit) => decision.wake_at(limit),
            None => {}
        }
    }
    let grace = seconds(spec.termination_grace_period_seconds.unwrap_or(30));
    match (&world.course, world.deadline) {
        (_, Some(deadline)) => end(spec, world, deadline, &mut decision),
        (Course::Failed { .. } | Course::Ending, None) => {
            end(spec, world, plus(now, grace), &mut decision);
        }
        (Course::Living, None) if has_ended(spec, world) => {
            end(spec, world, plus(now, grace), &mut decision);
        }
        (Course::Living, None) => live(spec, world, now, &mut decision),
    }
    decision
}

/// Whether nothing will be started any more.
fn has_ended(spec: &PodSpec, world: &World) -> bool {
    let view = world.view();
    let waits = |unit: &Unit| matches!(unit.activity, Activity::Starting);
    phase(spec, &view).is_final() && !world.units().any(waits)
}

fn live(spec: &PodSpec, world: &World, now: Timestamp, decision: &mut Decision) {
    match world.sandbox {
        Sandbox::Absent {
            retry: Some(retry), ..
        } if retry > now => return decision.wake_at(retry),
        Sandbox::Absent { .. } => return decision.actions.push(Action::CreateSandbox),
        Sandbox::Creating { .. } | Sandbox::Stopping => return,
        Sandbox::Ready => {}
    }
    for (index, unit) in world.ephemeral.iter().enumerate() {
        start(
            unit,
            Slot::Ephemeral(index),
            RestartPolicy::Never,
            now,
            decision,
        );
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let running = world
        .containers
        .iter()
        .any(|unit| unit.activity != Activity::Idle);
    for (index, (container, unit)) in init.iter().zip(&world.init).enumerate() {
        let slot = Slot::Init(index);
        if is_sidecar(container) {
            start(unit, slot, RestartPolicy::Always, now, decision);
            if unit.view.startup != Startup::Started && !running {
                return;
            }
            continue;
        }
        let done = matches!(&unit.view.state, State::Terminated(Ended { code: 0, .. }));
        if done {
            continue;
        }
        // An init container that fails under `Never` fails the pod: see `has_ended`.
        return start(unit, slot, RestartPolicy::OnFailure, now, decision);
    }
    let policy = RestartPolicy::of(spec);
    for (index, unit) in world.containers.iter().enumerate() {
        start(unit, Slot::Main(index), policy, now, decision);
    }
}

/// Starts a container that is to run and does not, now or when its back-off is over.
fn start(unit: &Unit, slot: Slot, policy: RestartPolicy, now: Timestamp, decision: &mut Decision) {
    if unit.activity != Activity::Idle {
        return;
    }
    if let Some(retry) = unit.retry.filter(|retry| *retry > now) {
        return decision.wake_at(retry);
    }
    let State::Terminated(ended) = &unit.view.state else {
        return decision.actions.push(Action::Start(slot));
    };
    let again = match policy {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => ended.code != 0,
        RestartPolicy::Never => false,
    };
    if !again {
        return;
    }
    let wait = backoff::after_ends(unit.failures);
    let until = plus(ended.finished_at, wait);
    if until <= now {
        return decision.actions.push(Action::Start(slot));
    }
    decision.actions.push(Action::BackOff { slot, wait, until });
    decision.wake_at(until);
}

/// Ends what runs: first the containers, then the sidecars in the reverse order of their start; then the
/// sandbox; then the object.
fn end(spec: &PodSpec, world: &World, deadline: Timestamp, decision: &mut Decision) {
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let sidecar = |slot: Slot| match slot {
        Slot::Init(index) => init.get(index).is_some_and(is_sidecar),
        Slot::Main(_) | Slot::Ephemeral(_) => false,
    };
    let active = |slot: &Slot| {
        world
            .unit(*slot)
            .is_some_and(|unit| unit.activity != Activity::Idle)
    };
    let (last, first): (Vec<Slot>, Vec<Slot>) = world
        .slots()
        .filter(active)
        .partition(|slot| sidecar(*slot));
    // Sidecars end one after the other, the last one first: earlier ones may serve later ones.
    let now = match last.last() {
        Some(last) if first.is_empty() => std::slice::from_ref(last),
        _ => &first,
    };
    for slot in now {
        let activity = world
            .unit(*slot)
            .map_or(Activity::Idle, |unit| unit.activity);
        let stop = match activity {
            Activity::Running => true,
            Activity::Stopping { deadline: before } => {
                deadline < before && world.deadline.is_some()
            }
            Activity::Idle | Activity::Starting => false,
        };
        if stop {
            decision.actions.push(Action::Stop {
                slot: *slot,
                deadline,
            });
        }
    }
    if !now.is_empty() {
        return;
    }
    match world.sandbox {
        Sandbox::Ready => decision.actions.push(Action::StopSandbox),
        Sandbox::Absent { .. } if world.deadline.is_some() => decision.actions.push(Action::Delete),
        Sandbox::Absent { .. } | Sandbox::Creating { .. } | Sandbox::Stopping => {}
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.max(0).unsigned_abs())
}

fn plus(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}
