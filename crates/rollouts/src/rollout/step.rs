//! The steps of a canary: where the rollout stands, and whether the present step is done.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_resources::argoproj::{
    AnalysisPhase, CanaryStep, PauseCondition, PauseReason, RolloutStatus, SetCanaryScale,
};

use super::duration;
use super::spec::Spec;

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No version has been stable yet: the first one comes up at once.
    Initial,
    /// The newest version is the stable one.
    Promoted,
    /// The update was given up.
    Aborted,
    /// Somebody asked to skip the rest.
    Full,
    /// At this step, from 0.
    Step(usize),
    /// All steps are done, the newest version takes over.
    Done,
}

impl Standing {
    pub(super) fn of(spec: &Spec<'_>, status: &RolloutStatus) -> Self {
        match (&status.stable_rs, status.current_step_index) {
            (None, _) => Self::Initial,
            (stable, _) if *stable == status.current_pod_hash => Self::Promoted,
            _ if status.abort => Self::Aborted,
            _ if status.promote_full => Self::Full,
            (_, index) => match usize::try_from(index.unwrap_or(0)) {
                Ok(index) if index < spec.steps.len() => Self::Step(index),
                _ => Self::Done,
            },
        }
    }
}

/// The weight of the last `setWeight` at or before a step; 0 before the first one.
pub(super) fn weight(steps: &[CanaryStep], index: usize) -> i32 {
    steps
        .iter()
        .take(index + 1)
        .rev()
        .find_map(|step| step.set_weight)
        .unwrap_or(0)
}

/// The weight before a step.
pub(super) fn weight_before(steps: &[CanaryStep], index: usize) -> i32 {
    index
        .checked_sub(1)
        .map_or(0, |before| weight(steps, before))
}

/// The last `setCanaryScale` at or before a step, unless pods follow the weight again.
pub(super) fn scale(steps: &[CanaryStep], index: usize) -> Option<&SetCanaryScale> {
    let last = steps
        .iter()
        .take(index + 1)
        .rev()
        .find_map(|step| step.set_canary_scale.as_ref());
    last.filter(|scale| scale.match_traffic_weight != Some(true))
}

/// What the present step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing: it is done.
    Complete,
    /// Something that will show as a change.
    Underway,
    /// A moment.
    Until(Timestamp),
}

/// Whether pods and traffic are where a `setWeight` or `setCanaryScale` step wants them.
pub(super) struct Reached {
    /// The pods.
    pub(super) pods: bool,
    /// The traffic; true where nothing splits it.
    pub(super) traffic: bool,
}

/// Looks at a step, and begins its pause where it is one.
pub(super) fn progress(
    step: &CanaryStep,
    status: &mut RolloutStatus,
    reached: &Reached,
    now: Timestamp,
) -> Progress {
    let complete = |done: bool| {
        if done {
            Progress::Complete
        } else {
            Progress::Underway
        }
    };
    if step.set_weight.is_some() {
        return complete(reached.pods && reached.traffic);
    }
    if step.set_canary_scale.is_some() {
        return complete(reached.pods);
    }
    if step.analysis.is_some() {
        let run = status.canary.current_step_analysis_run_status.as_ref();
        return complete(run.is_some_and(|run| run.status == AnalysisPhase::Successful));
    }
    let Some(pause) = &step.pause else {
        return Progress::Complete;
    };
    let since = status
        .pause_conditions
        .iter()
        .flatten()
        .find(|condition| condition.reason == PauseReason::CanaryPauseStep)
        .map(|condition| condition.start_time.0);
    let wait: Option<Duration> = pause.duration.as_ref().and_then(duration::of);
    match (since, wait) {
        // The controller paused and somebody took the pause away: promoted.
        (None, _) if status.controller_pause => Progress::Complete,
        (None, _) => {
            add_pause(status, PauseReason::CanaryPauseStep, now);
            wait.and_then(|wait| now.saturating_add(wait).ok())
                .map_or(Progress::Underway, Progress::Until)
        }
        (Some(since), Some(wait)) => match since.saturating_add(wait) {
            Ok(until) if until > now => Progress::Until(until),
            _ => Progress::Complete,
        },
        (Some(_), None) => Progress::Underway,
    }
}

/// Notes why the rollout waits.
pub(super) fn add_pause(status: &mut RolloutStatus, reason: PauseReason, now: Timestamp) {
    let conditions = status.pause_conditions.get_or_insert_default();
    if conditions
        .iter()
        .all(|condition| condition.reason != reason)
    {
        conditions.push(PauseCondition {
            reason,
            start_time: Time(now),
        });
    }
    status.controller_pause = true;
}

/// Forgets every pause.
pub(super) fn clear_pause(status: &mut RolloutStatus) {
    status.pause_conditions = None;
    status.controller_pause = false;
}

/// A step in words, for events.
pub(super) fn describe(step: &CanaryStep) -> String {
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(pause) = &step.pause {
        return match pause.duration.as_ref().and_then(duration::of) {
            Some(duration) => format!("pause: {}s", duration.as_secs_f64()),
            None => "pause".to_owned(),
        };
    }
    let kind = if step.analysis.is_some() {
        "analysis"
    } else {
        "setCanaryScale"
    };
    kind.to_owned()
}
