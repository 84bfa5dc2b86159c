//! What a Deployment reports. Pure; reasons and texts are upstream's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Chain, Classify};
use serde_json::Value;

use super::Error;
use super::fleet::{Fleet, Member};
use super::limits::Limits;
use crate::replica_set_failure;

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const COMPLETE: &str = "NewReplicaSetAvailable";
const PAUSED: &str = "DeploymentPaused";

/// The conditions while a pass goes on.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    conditions: Vec<DeploymentCondition>,
    /// `progressDeadlineSeconds`; `None` where progress is not watched.
    deadline: Option<SignedDuration>,
}

impl Progress {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let seconds = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.progress_deadline_seconds);
        let conditions = deployment
            .status
            .as_ref()
            .and_then(|status| status.conditions.clone());
        Self {
            conditions: conditions.unwrap_or_default(),
            // The largest number means "never", as upstream has it.
            deadline: seconds
                .filter(|seconds| *seconds != i32::MAX)
                .map(|seconds| SignedDuration::from_secs(i64::from(seconds))),
        }
    }

    fn get(&self, kind: &str) -> Option<&DeploymentCondition> {
        self.conditions
            .iter()
            .find(|condition| condition.type_ == kind)
    }

    /// Sets a condition. One with the same status and reason stays as it is, texts and times too.
    fn set(&mut self, kind: &str, status: &str, reason: &str, message: String, now: Timestamp) {
        let previous = self.get(kind);
        if previous.is_some_and(|condition| {
            condition.status == status && condition.reason.as_deref() == Some(reason)
        }) {
            return;
        }
        let since = previous
            .filter(|condition| condition.status == status)
            .and_then(|condition| condition.last_transition_time.clone());
        self.conditions.retain(|condition| condition.type_ != kind);
        self.conditions.push(DeploymentCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_update_time: Some(Time(now)),
            last_transition_time: Some(since.unwrap_or(Time(now))),
        });
    }

    fn remove(&mut self, kind: &str) {
        self.conditions.retain(|condition| condition.type_ != kind);
    }

    fn reason(&self) -> Option<&str> {
        self.get(PROGRESSING)
            .and_then(|condition| condition.reason.as_deref())
    }

    /// Notes that the deployment was paused or resumed. A deadline that passed stays passed.
    pub(super) fn note_pause(&mut self, paused: bool, now: Timestamp) {
        if self.deadline.is_none() || self.reason() == Some(TIMED_OUT) {
            return;
        }
        let was_paused = self.reason() == Some(PAUSED);
        if paused && !was_paused {
            self.set(
                PROGRESSING,
                "Unknown",
                PAUSED,
                "Deployment is paused".to_owned(),
                now,
            );
        } else if !paused && was_paused {
            let message = "Deployment is resumed".to_owned();
            self.set(PROGRESSING, "Unknown", "DeploymentResumed", message, now);
        }
    }

    /// The template has its set already.
    pub(super) fn found(&mut self, name: &str, now: Timestamp) {
        if self.deadline.is_some() && self.get(PROGRESSING).is_none() {
            let message = format!("Found new replica set \"{name}\"");
            self.set(PROGRESSING, "True", "FoundNewReplicaSet", message, now);
        }
    }

    /// The template got its set.
    pub(super) fn created(&mut self, name: &str, now: Timestamp) {
        if self.deadline.is_some() {
            let message = format!("Created new replica set \"{name}\"");
            self.set(PROGRESSING, "True", "NewReplicaSetCreated", message, now);
        }
    }

    /// The status with counts and availability, and progress left as it is.
    pub(super) fn counts(
        &mut self,
        deployment: &Deployment,
        fleet: &Fleet,
        limits: Limits,
        now: Timestamp,
    ) -> DeploymentStatus {
        let available = fleet.available();
        if available >= limits.fewest() {
            let message = "Deployment has minimum availability.".to_owned();
            self.set(AVAILABLE, "True", "MinimumReplicasAvailable", message, now);
        } else {
            let message = "Deployment does not have minimum availability.".to_owned();
            self.set(
                AVAILABLE,
                "False",
                "MinimumReplicasUnavailable",
                message,
                now,
            );
        }
        let counted = |count: i32| (count > 0).then_some(count);
        DeploymentStatus {
            observed_generation: deployment.metadata.generation,
            replicas: counted(fleet.all().map(Member::pods).sum()),
            updated_replicas: counted(fleet.new.as_ref().map_or(0, Member::pods)),
            ready_replicas: counted(fleet.all().map(Member::ready).sum()),
            available_replicas: counted(available),
            unavailable_replicas: counted(fleet.total() - available),
            collision_count: deployment
                .status
                .as_ref()
                .and_then(|status| status.collision_count),
            conditions: Some(self.conditions.clone()),
            terminating_replicas: None,
        }
    }

    /// The whole status, and when the deadline is to be looked at.
    pub(super) fn report(
        &mut self,
        deployment: &Deployment,
        fleet: &Fleet,
        limits: Limits,
        now: Timestamp,
    ) -> (DeploymentStatus, Option<Duration>) {
        let mut status = self.counts(deployment, fleet, limits, now);
        let settled = status.replicas == status.updated_replicas && self.reason() == Some(COMPLETE);
        match self.deadline {
            None => self.remove(PROGRESSING),
            Some(deadline) if !settled => {
                self.advance(deployment, fleet, &status, deadline, now);
            }
            Some(_) => {}
        }
        self.copy_failure(fleet, now);
        status.conditions = Some(self.conditions.clone());
        let next = self.time_left(deployment, &status, now);
        (status, next)
    }

    /// Says how far the rollout is: done, moving, or stuck for longer than the deadline.
    fn advance(
        &mut self,
        deployment: &Deployment,
        fleet: &Fleet,
        status: &DeploymentStatus,
        deadline: SignedDuration,
        now: Timestamp,
    ) {
        let subject = match &fleet.new {
            Some(new) => format!("ReplicaSet \"{}\"", new.name()),
            None => {
                format!(
                    "Deployment \"{}\"",
                    deployment.metadata.name.as_deref().unwrap_or("")
                )
            }
        };
        if is_complete(deployment, status) {
            let message = format!("{subject} has successfully progressed.");
            self.set(PROGRESSING, "True", COMPLETE, message, now);
        } else if is_moving(deployment.status.as_ref(), status) {
            let previous = self.get(PROGRESSING).cloned();
            // Set anew even with the same reason: its update time restarts the deadline.
            self.remove(PROGRESSING);
            let message = format!("{subject} is progressing.");
            self.set(PROGRESSING, "True", "ReplicaSetUpdated", message, now);
            if let (Some(previous), Some(condition)) = (
                previous.filter(|previous| previous.status == "True"),
                self.conditions.last_mut(),
            ) {
                condition.last_transition_time = previous.last_transition_time;
            }
        } else if self.is_timed_out(deadline, now) {
            let message = format!("{subject} has timed out progressing.");
            self.set(PROGRESSING, "False", TIMED_OUT, message, now);
        }
    }

    fn is_timed_out(&self, deadline: SignedDuration, now: Timestamp) -> bool {
        match self.reason() {
            None | Some(COMPLETE | PAUSED) => false,
            Some(TIMED_OUT) => true,
            Some(_) => self
                .updated()
                .is_some_and(|since| now.duration_since(since) > deadline),
        }
    }

    fn updated(&self) -> Option<Timestamp> {
        let condition = self.get(PROGRESSING)?;
        condition.last_update_time.as_ref().map(|time| time.0)
    }

    fn time_left(
        &self,
        deployment: &Deployment,
        status: &DeploymentStatus,
        now: Timestamp,
    ) -> Option<Duration> {
        let deadline = self.deadline?;
        if is_complete(deployment, status) || self.reason() == Some(TIMED_OUT) {
            return None;
        }
        let left = deadline - now.duration_since(self.updated()?);
        // Times are kept in whole seconds, so one more makes sure that it has passed.
        Some(Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1))
    }

    /// A set that cannot create or delete pods says so in the deployment too.
    fn copy_failure(&mut self, fleet: &Fleet, now: Timestamp) {
        let failure = fleet.new.iter().chain(&fleet.old).find_map(|member| {
            let conditions = member.set.status.as_ref()?.conditions.as_ref()?;
            conditions.iter().find(|condition| {
                condition.type_ == replica_set_failure() && condition.status == "True"
            })
        });
        match failure {
            Some(failure) => {
                let reason = failure.reason.clone().unwrap_or_default();
                let message = failure.message.clone().unwrap_or_default();
                self.set(replica_set_failure(), "True", &reason, message, now);
            }
            None => self.remove(replica_set_failure()),
        }
    }
}

/// Whether every wanted pod is of the newest template and available, and no other is left.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    status.updated_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
        && status.available_replicas.unwrap_or(0) == wanted
}

fn is_moving(before: Option<&DeploymentStatus>, after: &DeploymentStatus) -> bool {
    let nothing = DeploymentStatus::default();
    let before = before.unwrap_or(&nothing);
    let old = |status: &DeploymentStatus| {
        status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0)
    };
    after.updated_replicas > before.updated_replicas
        || old(after) < old(before)
        || after.ready_replicas > before.ready_replicas
        || after.available_replicas > before.available_replicas
}

/// The status that reports a failure to make progress.
pub(super) fn failed(deployment: &Deployment, error: &Error, now: Timestamp) -> Option<Value> {
    let mut progress = Progress::of(deployment);
    progress.set(
        PROGRESSING,
        "False",
        error.reason(),
        Chain(error).to_string(),
        now,
    );
    let mut status = deployment.status.clone().unwrap_or_default();
    status.conditions = Some(progress.conditions);
    status.observed_generation = deployment.metadata.generation;
    serde_json::to_value(status).ok()
}
