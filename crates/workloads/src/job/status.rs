//! What a Job reports. Pure; reasons and texts are upstream's.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Chain, Class, Classify, Notice};
use serde_json::Value;

use super::Error;
use super::tally::{Tally, is_indexed};
use crate::pod;

const SUSPENDED: &str = "Suspended";
const SUCCESS_MET: &str = "SuccessCriteriaMet";
const FAILURE_TARGET: &str = "FailureTarget";

/// How a job is over: the condition to come, its reason and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) complete: bool,
    reason: String,
    message: String,
}

impl End {
    pub(super) fn complete() -> Self {
        Self {
            complete: true,
            reason: "CompletionsReached".to_owned(),
            message: "Reached expected number of succeeded pods".to_owned(),
        }
    }

    pub(super) fn success_policy(rule: usize) -> Self {
        Self {
            complete: true,
            reason: "SuccessPolicy".to_owned(),
            message: format!("Matched rules at index {rule}"),
        }
    }

    pub(super) fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self {
            complete: false,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn notice(&self) -> Notice {
        if self.complete {
            Notice::normal("Completed", "Job completed")
        } else {
            Notice::warning(self.reason.as_str(), self.message.as_str())
        }
    }

    fn conditions(&self) -> (&'static str, &'static str) {
        if self.complete {
            (SUCCESS_MET, "Complete")
        } else {
            (FAILURE_TARGET, "Failed")
        }
    }
}

fn condition<'a>(job: &'a Job, kinds: [&str; 2]) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|one| kinds.contains(&one.type_.as_str()) && one.status == "True")
}

/// When the job ended, if it did.
pub(super) fn finished_at(job: &Job) -> Option<Timestamp> {
    let end = condition(job, ["Complete", "Failed"])?;
    end.last_transition_time.as_ref().map(|time| time.0)
}

/// The end that an earlier pass decided on.
pub(super) fn decided(job: &Job) -> Option<End> {
    let end = condition(job, [SUCCESS_MET, FAILURE_TARGET])?;
    Some(End {
        complete: end.type_ == SUCCESS_MET,
        reason: end.reason.clone().unwrap_or_default(),
        message: end.message.clone().unwrap_or_default(),
    })
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
pub(super) fn counts(job: &Job, spec: &JobSpec, tally: &Tally, now: Timestamp) -> JobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    let positive = |count: i32| (count > 0).then_some(count);
    status.succeeded = positive(tally.counted.0);
    status.failed = positive(tally.counted.1);
    status.uncounted_terminated_pods = Some(tally.uncounted());
    if is_indexed(spec) {
        let text = tally.completed.to_string();
        status.completed_indexes = (!text.is_empty()).then_some(text);
        let failed = spec
            .backoff_limit_per_index
            .map(|_| tally.failed_indexes.to_string());
        status.failed_indexes = failed;
    }
    let ready = tally.active.iter().filter(|pod| pod::is_ready(pod)).count();
    status.ready = i32::try_from(ready).ok();
    status.terminating = i32::try_from(tally.terminating.len()).ok();
    if status.start_time.is_none() && spec.suspend != Some(true) {
        status.start_time = Some(Time(now));
    }
    status
}

/// Notes that the end is decided. The event is for the end itself.
pub(super) fn target(status: &mut JobStatus, end: &End, now: Timestamp) {
    let (kind, _) = end.conditions();
    set(status, kind, "True", &end.reason, &end.message, now);
    status.ready = Some(0);
}

/// Notes the end, once nothing runs any more.
pub(super) fn conclude(status: &mut JobStatus, end: &End, now: Timestamp) -> Option<Notice> {
    let (_, kind) = end.conditions();
    if end.complete {
        status.completion_time = Some(Time(now));
    }
    set(status, kind, "True", &end.reason, &end.message, now).then(|| end.notice())
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
