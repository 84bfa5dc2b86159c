//! Conditions, phase and message: the rollout in words.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::Chain;
use seatrial_resources::argoproj::{
    PauseReason, Rollout, RolloutCondition, RolloutPhase, RolloutStatus,
};
use serde_json::Value;

use super::Error;
use super::fleet::{Fleet, Member};
use super::spec::Spec;
use super::step::Standing;

/// Sets a condition, keeping its times where nothing of it changed.
fn set(
    status: &mut RolloutStatus,
    kind: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    let value = if holds { "True" } else { "False" };
    let position = conditions
        .iter()
        .position(|condition| condition.type_ == kind);
    let before = position.map(|position| conditions[position].clone());
    let same_status = before.as_ref().filter(|before| before.status == value);
    let same = same_status.filter(|before| before.reason == reason && before.message == message);
    let condition = RolloutCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        last_transition_time: same_status
            .map_or(Time(now), |before| before.last_transition_time.clone()),
        last_update_time: same.map_or(Time(now), |before| before.last_update_time.clone()),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    match position {
        Some(position) => conditions[position] = condition,
        None => conditions.push(condition),
    }
}

fn remove(status: &mut RolloutStatus, kind: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_ != kind);
    }
}

/// The reason of an abort that has been noted already.
pub(super) fn abort_message(status: &RolloutStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    conditions
        .find(|one| one.reason == "RolloutAborted")
        .map(|one| one.message.clone())
}

/// Sets conditions, phase and message from everything else; returns when the progress deadline
/// passes.
pub(super) fn conclude(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    standing: Standing,
    status: &mut RolloutStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    remove(status, "InvalidSpec");
    let enough = status.available_replicas >= spec.least_available();
    let (reason, message) = if enough {
        ("AvailableReason", "Rollout has minimum availability")
    } else {
        (
            "AvailableReason",
            "Rollout does not have minimum availability",
        )
    };
    set(status, "Available", enough, reason, message, now);
    let all_there = fleet.new.as_ref().is_some_and(|new| {
        new.available() >= spec.replicas
            && new.pods() == spec.replicas
            && new.size() == spec.replicas
    });
    let completed = standing == Standing::Promoted;
    let healthy = completed && all_there;
    let revision = fleet.revision();
    set(
        status,
        "Healthy",
        healthy,
        if healthy {
            "RolloutHealthy"
        } else {
            "RolloutUnhealthy"
        },
        if healthy {
            "Rollout is healthy"
        } else {
            "Rollout is not healthy"
        },
        now,
    );
    set(
        status,
        "Completed",
        completed,
        if completed {
            "RolloutCompleted"
        } else {
            "RolloutProgressing"
        },
        &if completed {
            format!("Rollout completed update to revision {revision}")
        } else {
            "Rollout is progressing".to_owned()
        },
        now,
    );
    let paused = status.pause_conditions.is_some() || rollout.spec.paused == Some(true);
    let aborted = standing == Standing::Aborted;
    set(
        status,
        "Paused",
        paused,
        if paused {
            "RolloutPaused"
        } else {
            "RolloutResumed"
        },
        if paused {
            "Rollout is paused"
        } else {
            "Rollout is not paused"
        },
        now,
    );
    let deadline = progress(
        rollout,
        spec,
        fleet,
        status,
        (healthy, paused, aborted),
        now,
    );
    let (phase, message) = summarize(rollout, spec, fleet, standing, status);
    (status.phase, status.message) = (Some(phase), message);
    deadline
}

/// The condition Progressing, which also watches the deadline.
fn progress(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    status: &mut RolloutStatus,
    (healthy, paused, aborted): (bool, bool, bool),
    now: Timestamp,
) -> Option<Timestamp> {
    let name = fleet
        .new
        .as_ref()
        .map_or(spec.name, Member::name)
        .to_owned();
    if aborted {
        let message = status.message.clone().unwrap_or_default();
        set(
            status,
            "Progressing",
            false,
            "RolloutAborted",
            &message,
            now,
        );
        return None;
    }
    if healthy {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        set(
            status,
            "Progressing",
            true,
            "NewReplicaSetAvailable",
            &message,
            now,
        );
        return None;
    }
    if paused {
        set(
            status,
            "Progressing",
            true,
            "RolloutPaused",
            "Rollout is paused",
            now,
        );
        return None;
    }
    let before = rollout.status.clone().unwrap_or_default();
    let moved = before.updated_replicas != status.updated_replicas
        || before.available_replicas != status.available_replicas
        || before.current_step_index != status.current_step_index
        || before.current_pod_hash != status.current_pod_hash;
    let limit = Duration::from_secs(
        u64::try_from(rollout.spec.progress_deadline_seconds.unwrap_or(600)).unwrap_or(600),
    );
    let since = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "Progressing");
    let since = since.filter(|one| one.reason == "ReplicaSetUpdated" || one.status == "False");
    let since = since.map(|one| one.last_update_time.0).filter(|_| !moved);
    let deadline = since.unwrap_or(now).saturating_add(limit).ok();
    if deadline.is_some_and(|deadline| deadline <= now) {
        let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
        set(
            status,
            "Progressing",
            false,
            "ProgressDeadlineExceeded",
            &message,
            now,
        );
        if rollout.spec.progress_deadline_abort == Some(true) && status.stable_rs.is_some() {
            status.abort = true;
            status.aborted_at = Some(Time(now));
            status.message = Some(format!(
                "Rollout aborted update to revision {}: {message}",
                fleet.revision()
            ));
        }
        return None;
    }
    let message = format!("ReplicaSet \"{name}\" is progressing.");
    if moved {
        // Anything that moved starts the deadline anew.
        remove(status, "Progressing");
    }
    set(
        status,
        "Progressing",
        true,
        "ReplicaSetUpdated",
        &message,
        now,
    );
    deadline
}

/// The rollout in one word and one sentence, as upstream computes them for its plugin.
fn summarize(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    standing: Standing,
    status: &RolloutStatus,
) -> (RolloutPhase, Option<String>) {
    let condition = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "Progressing");
    if let Some(condition) = condition.filter(|one| one.status == "False") {
        let text = format!("{}: {}", condition.reason, condition.message);
        return (RolloutPhase::Degraded, Some(text));
    }
    if rollout.spec.paused == Some(true) {
        return (RolloutPhase::Paused, Some("manually paused".to_owned()));
    }
    let reason = status
        .pause_conditions
        .iter()
        .flatten()
        .next()
        .map(|one| one.reason);
    if let Some(reason) = reason {
        let text = match reason {
            PauseReason::CanaryPauseStep => "CanaryPauseStep",
            PauseReason::InconclusiveAnalysisRun => "InconclusiveAnalysisRun",
            PauseReason::BlueGreenPause => "BlueGreenPause",
            PauseReason::InconclusiveExperiment => "InconclusiveExperiment",
        };
        return (RolloutPhase::Paused, Some(text.to_owned()));
    }
    let progressing = |text: &str| (RolloutPhase::Progressing, Some(text.to_owned()));
    let Some(new) = &fleet.new else {
        return progressing("more replicas need to be updated");
    };
    match standing {
        Standing::Initial | Standing::Promoted if new.pods() < spec.replicas => {
            progressing("more replicas need to be updated")
        }
        Standing::Initial | Standing::Promoted if new.available() < spec.replicas => {
            progressing("updated replicas are still becoming available")
        }
        Standing::Promoted if new.pods() > spec.replicas => {
            progressing("old replicas are pending termination")
        }
        Standing::Promoted => (RolloutPhase::Healthy, None),
        Standing::Initial => progressing("updated replicas are still becoming available"),
        Standing::Step(_) => progressing("more replicas need to be updated"),
        _ => progressing("waiting for all steps to complete"),
    }
}

/// The status of a rollout that could not be worked on.
pub(super) fn failed(rollout: &Rollout, error: &Error, now: Timestamp) -> Option<Value> {
    let mut status = rollout.status.clone().unwrap_or_default();
    let text = Chain(error).to_string();
    let (kind, reason) = if error.is_invalid_spec() {
        ("InvalidSpec", "InvalidSpec")
    } else {
        ("ReplicaFailure", "RolloutReconcileError")
    };
    set(&mut status, kind, true, reason, &text, now);
    status.observed_generation = rollout.metadata.generation.map(|number| number.to_string());
    status.phase = Some(RolloutPhase::Degraded);
    status.message = Some(format!("{reason}: {text}"));
    serde_json::to_value(status).ok()
}
