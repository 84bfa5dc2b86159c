//! What a Job reports. Pure; reasons and texts are upstream's.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Chain, Class, Classify, Notice};
use serde_json::Value;

use super::Error;
use super::observe::World;
use crate::pod;

const SUSPENDED: &str = "Suspended";

/// How a job is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    BackoffLimit,
    Deadline,
}

impl End {
    /// The condition types, the reason and the text.
    fn words(self) -> ([&'static str; 2], &'static str, &'static str) {
        match self {
            Self::Complete => (
                ["SuccessCriteriaMet", "Complete"],
                "CompletionsReached",
                "Reached expected number of succeeded pods",
            ),
            Self::BackoffLimit => (
                ["FailureTarget", "Failed"],
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            ),
            Self::Deadline => (
                ["FailureTarget", "Failed"],
                "DeadlineExceeded",
                "Job was active longer than specified deadline",
            ),
        }
    }

    pub(super) fn notice(self) -> Notice {
        let (_, reason, text) = self.words();
        match self {
            Self::Complete => Notice::normal("Completed", "Job completed"),
            _ => Notice::warning(reason, text),
        }
    }
}

/// When the job ended, if it did.
pub(super) fn finished_at(job: &Job) -> Option<Timestamp> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let end = conditions.iter().find(|condition| {
        matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True"
    })?;
    end.last_transition_time.as_ref().map(|time| time.0)
}

/// When the last container of a pod ended; where nobody said, when the pod was created.
pub(super) fn ended_at(pod: &Pod) -> Option<Timestamp> {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let ends = statuses.into_iter().flatten().filter_map(|container| {
        container
            .state
            .as_ref()?
            .terminated
            .as_ref()?
            .finished_at
            .as_ref()
            .map(|time| time.0)
    });
    ends.max()
        .or_else(|| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// The status with everything counted, and the start noted.
pub(super) fn counts(job: &Job, world: &World, suspended: bool, now: Timestamp) -> JobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    let counted = |before: Option<i32>, count: usize| {
        let count = i32::try_from(count)
            .unwrap_or(i32::MAX)
            .max(before.unwrap_or(0));
        (count > 0).then_some(count)
    };
    // Pods that ended and were deleted since stay counted.
    status.succeeded = counted(status.succeeded, world.succeeded.len());
    status.failed = counted(status.failed, world.failed.len());
    let ready = world.active.iter().filter(|pod| pod::is_ready(pod)).count();
    status.ready = i32::try_from(ready).ok();
    status.terminating = i32::try_from(world.terminating.len()).ok();
    if status.start_time.is_none() && !suspended {
        status.start_time = Some(Time(now));
    }
    status
}

/// Notes the end.
pub(super) fn conclude(status: &mut JobStatus, end: End, now: Timestamp) {
    let (kinds, reason, message) = end.words();
    for kind in kinds {
        set(status, kind, "True", reason, message, now);
    }
    status.ready = Some(0);
    if end == End::Complete {
        status.completion_time = Some(Time(now));
    }
}

/// Notes that the job is suspended. The event is for the first time.
pub(super) fn suspend(status: &mut JobStatus, now: Timestamp) -> Option<Notice> {
    // A suspended job's deadline starts anew when it is resumed.
    status.start_time = None;
    set(
        status,
        SUSPENDED,
        "True",
        "JobSuspended",
        "Job suspended",
        now,
    )
    .then(|| Notice::normal(SUSPENDED, "Job suspended"))
}

/// Notes that the job goes on, if it was suspended.
pub(super) fn resume(status: &mut JobStatus, now: Timestamp) -> Option<Notice> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions
        .iter()
        .find(|one| one.type_ == SUSPENDED && one.status == "True")?;
    set(status, SUSPENDED, "False", "JobResumed", "Job resumed", now);
    status.start_time = Some(Time(now));
    Some(Notice::normal("Resumed", "Job resumed"))
}

/// Sets a condition; true where its status changed.
fn set(
    status: &mut JobStatus,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> bool {
    let conditions = status.conditions.get_or_insert_default();
    let same = |one: &&JobCondition| one.type_ == kind && one.status == value;
    if conditions.iter().any(|one| same(&one)) {
        return false;
    }
    conditions.retain(|one| one.type_ != kind);
    conditions.push(JobCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    });
    true
}

/// A job that can never run says so by failing.
pub(super) fn failed(job: &Job, error: &Error, now: Timestamp) -> Option<Value> {
    if error.class() == Class::Retry {
        return None;
    }
    let mut status = job.status.clone().unwrap_or_default();
    set(
        &mut status,
        "Failed",
        "True",
        error.reason(),
        &Chain(error).to_string(),
        now,
    );
    serde_json::to_value(status).ok()
}
