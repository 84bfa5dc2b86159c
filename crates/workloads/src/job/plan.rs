//! What a Job does next. Pure.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Notice;

use super::Error;
use super::observe::World;
use super::status::{self, End};
use crate::pod;

/// The first wait after a failed pod; each further failure doubles it, up to [`LONGEST`].
const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// What to do, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) create: usize,
    /// Delete the job itself: its time to live is over.
    pub(super) expire: bool,
    pub(super) events: Vec<Notice>,
    pub(super) status: Option<JobStatus>,
    pub(super) next: Option<Duration>,
}

/// Fields that ask for counting which is not done here. Running such a job another way than asked
/// would be worse than refusing it.
fn refuse(spec: &JobSpec) -> Result<(), Error> {
    let refused = [
        ("podFailurePolicy", spec.pod_failure_policy.is_some()),
        ("successPolicy", spec.success_policy.is_some()),
        (
            "backoffLimitPerIndex",
            spec.backoff_limit_per_index.is_some(),
        ),
        (
            "completionMode: Indexed",
            spec.completion_mode.as_deref() == Some("Indexed"),
        ),
    ];
    match refused.iter().find(|(_, present)| *present) {
        Some((field, _)) => Err(Error::Unsupported(field)),
        None => Ok(()),
    }
}

pub(super) fn decide(job: &Job, world: &World, now: Timestamp) -> Result<Plan, Error> {
    let spec = job.spec.as_ref().ok_or(Error::NoSpec)?;
    refuse(spec)?;
    if let Some(finished) = status::finished_at(job) {
        return Ok(expire(spec, finished, now));
    }
    let suspended = spec.suspend.unwrap_or(false);
    let mut status = status::counts(job, world, suspended, now);
    let mut plan = Plan::default();
    if let Some(end) = end(spec, world, &status, now) {
        // What still runs is stopped; the job is over once nothing is left of it.
        plan.delete.clone_from(&world.active);
        plan.events.push(end.notice());
        status::conclude(&mut status, end, now);
        plan.next = ttl(spec);
    } else if suspended {
        plan.delete.clone_from(&world.active);
        plan.events.extend(status::suspend(&mut status, now));
    } else {
        plan.events.extend(status::resume(&mut status, now));
        (plan.create, plan.delete) = balance(spec, world, status.succeeded.unwrap_or(0));
        let wait = if plan.create > 0 {
            wait_after_failure(world, now)
        } else {
            None
        };
        if wait.is_some() {
            plan.create = 0;
        }
        plan.next = soonest(wait, deadline_left(spec, &status, now));
    }
    status.active = positive(world.active.len() - plan.delete.len() + plan.create);
    plan.status = Some(status);
    Ok(plan)
}

fn positive(count: usize) -> Option<i32> {
    i32::try_from(count).ok().filter(|count| *count > 0)
}

/// Whether and how the job is over.
fn end(spec: &JobSpec, world: &World, status: &JobStatus, now: Timestamp) -> Option<End> {
    let limit = spec.backoff_limit.unwrap_or(6);
    if failures(spec, world, status) > limit {
        return Some(End::BackoffLimit);
    }
    if deadline_left(spec, status, now) == Some(Duration::ZERO) {
        return Some(End::Deadline);
    }
    let succeeded = status.succeeded.unwrap_or(0);
    let complete = match spec.completions {
        Some(completions) => succeeded >= completions,
        // Without a number, the first success says that the work is done; the rest may finish.
        None => succeeded > 0 && world.active.is_empty() && world.terminating.is_empty(),
    };
    complete.then_some(End::Complete)
}

/// Failed pods; with `restartPolicy: OnFailure`, restarts of those that run as well.
fn failures(spec: &JobSpec, world: &World, status: &JobStatus) -> i32 {
    let policy = spec
        .template
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    let restarts: i32 = match policy {
        Some("OnFailure") => world.active.iter().map(|pod| pod::restarts(pod)).sum(),
        _ => 0,
    };
    status.failed.unwrap_or(0) + restarts
}

/// How many pods to create, or which to delete, to have as many active as wanted.
fn balance(spec: &JobSpec, world: &World, succeeded: i32) -> (usize, Vec<Arc<Pod>>) {
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    let parallelism = size(spec.parallelism.unwrap_or(1));
    let active = world.active.len();
    let wanted = match spec.completions {
        Some(completions) => size(completions)
            .saturating_sub(world.succeeded.len())
            .min(parallelism),
        None if succeeded == 0 => parallelism,
        None => active.min(parallelism),
    };
    if active > wanted {
        let mut surplus = world.active.clone();
        // Those that got least far go first.
        surplus.sort_by_key(|pod| {
            (
                pod::is_ready(pod),
                Reverse(pod.metadata.creation_timestamp.as_ref().map(|t| t.0)),
            )
        });
        surplus.truncate(active - wanted);
        return (0, surplus);
    }
    // Terminating pods still take their place, so that no more than `parallelism` ever run.
    (
        wanted.saturating_sub(active + world.terminating.len()),
        Vec::new(),
    )
}

/// After the newest failure: 10 s, doubling with each pod that failed.
fn wait_after_failure(world: &World, now: Timestamp) -> Option<Duration> {
    let newest = world
        .failed
        .iter()
        .filter_map(|pod| status::ended_at(pod))
        .max()?;
    let doublings = u32::try_from(world.failed.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 1_i32.checked_shl(doublings.min(30)).unwrap_or(i32::MAX);
    let wait = FIRST.saturating_mul(factor).min(LONGEST);
    let left = wait - now.duration_since(newest);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

/// What is left of `activeDeadlineSeconds`; `None` without one.
fn deadline_left(spec: &JobSpec, status: &JobStatus, now: Timestamp) -> Option<Duration> {
    let seconds = spec.active_deadline_seconds?;
    let start = status.start_time.as_ref()?.0;
    let left = SignedDuration::from_secs(seconds) - now.duration_since(start);
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

fn soonest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    [one, other].into_iter().flatten().min()
}

fn ttl(spec: &JobSpec) -> Option<Duration> {
    let seconds = spec.ttl_seconds_after_finished?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A finished job waits for the end of its time to live.
fn expire(spec: &JobSpec, finished: Timestamp, now: Timestamp) -> Plan {
    let Some(ttl) = ttl(spec) else {
        return Plan::default();
    };
    let age = Duration::try_from(now.duration_since(finished)).unwrap_or_default();
    match ttl.checked_sub(age) {
        None | Some(Duration::ZERO) => Plan {
            expire: true,
            ..Plan::default()
        },
        Some(left) => Plan {
            next: Some(left),
            ..Plan::default()
        },
    }
}
