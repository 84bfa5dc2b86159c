//! What a Job does next. Pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Notice;

use super::observe::World;
use super::status::{self, End};
use super::tally::{self, Tally};
use super::{Error, backoff, policy};
use crate::pod;

/// The most pods one pass creates (upstream's `MaxPodCreateDeletePerSync`).
const BURST: usize = 500;

/// Jobs that name another controller are not ours.
const OURS: &str = "kubernetes.io/job-controller";

/// One pod to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fresh {
    /// Its completion index.
    pub(super) index: Option<i32>,
    /// Where failures are counted by index: how often it failed, and how often that was ignored.
    pub(super) failures: Option<(i32, i32)>,
}

/// What to do, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) adopt: Vec<Arc<Pod>>,
    /// Pods whose finalizer goes.
    pub(super) strip: Vec<Arc<Pod>>,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) create: Vec<Fresh>,
    /// Delete the job itself: its time to live is over.
    pub(super) expire: bool,
    pub(super) events: Vec<Notice>,
    pub(super) status: Option<JobStatus>,
    pub(super) next: Option<Duration>,
}

pub(super) fn decide(job: &Job, world: &World, now: Timestamp) -> Result<Plan, Error> {
    let spec = job.spec.as_ref().ok_or(Error::NoSpec)?;
    if spec.managed_by.as_deref().is_some_and(|by| by != OURS) {
        return Ok(Plan::default());
    }
    let finished = status::finished_at(job);
    if finished.is_some() || job.metadata.deletion_timestamp.is_some() {
        let mut plan = finished.map_or_else(Plan::default, |finished| expire(spec, finished, now));
        let held = world.pods.iter().filter(|pod| tally::has_finalizer(pod));
        plan.strip = held.cloned().collect();
        return Ok(plan);
    }
    let tally = Tally::of(job, spec, &world.pods);
    let mut status = status::counts(job, spec, &tally, now);
    let mut plan = Plan {
        release: world.strays.clone(),
        adopt: world.orphans.clone(),
        strip: tally.strip.clone(),
        ..Plan::default()
    };
    if let Some(end) = status::decided(job).or_else(|| end(spec, &tally, &status, now)) {
        // What still runs is stopped; the job is over once nothing is left of it.
        plan.delete.clone_from(&tally.active);
        status::target(&mut status, &end, now);
        if tally.is_quiet() {
            plan.events.extend(status::conclude(&mut status, &end, now));
            plan.next = ttl(spec);
        }
    } else if spec.suspend == Some(true) {
        plan.delete.clone_from(&tally.active);
        plan.events.extend(status::suspend(&mut status, now));
    } else {
        plan.events.extend(status::resume(&mut status, now));
        balance(spec, world, &tally, now, &mut plan);
        plan.next = soonest(plan.next, deadline_left(spec, &status, now));
    }
    let active = (tally.active.len() + plan.create.len()).saturating_sub(plan.delete.len());
    status.active = i32::try_from(active).ok().filter(|count| *count > 0);
    plan.status = Some(status);
    Ok(plan)
}

/// Whether and how the job is over.
fn end(spec: &JobSpec, tally: &Tally, status: &JobStatus, now: Timestamp) -> Option<End> {
    if let Some(text) = &tally.verdict {
        return Some(End::failed("PodFailurePolicy", text.as_str()));
    }
    let limit = spec.backoff_limit.unwrap_or(6);
    if tally.failed() > limit || restarted_too_often(spec, tally, limit) {
        let text = "Job has reached the specified backoff limit";
        return Some(End::failed("BackoffLimitExceeded", text));
    }
    if spec.suspend != Some(true) && deadline_left(spec, status, now) == Some(Duration::ZERO) {
        let text = "Job was active longer than specified deadline";
        return Some(End::failed("DeadlineExceeded", text));
    }
    if tally::is_indexed(spec) {
        return end_of_indexes(spec, tally);
    }
    let complete = match spec.completions {
        Some(completions) => tally.succeeded() >= completions,
        // Without a number, the first success says that the work is done; the rest may finish.
        None => tally.succeeded() > 0 && tally.active.is_empty() && tally.terminating.is_empty(),
    };
    complete.then(End::complete)
}

fn end_of_indexes(spec: &JobSpec, tally: &Tally) -> Option<End> {
    let failed = tally.failed_indexes.count();
    if spec.max_failed_indexes.is_some_and(|most| failed > most) {
        let text = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::failed("MaxFailedIndexesExceeded", text));
    }
    if let Some(rule) = policy::success(spec, &tally.completed) {
        return Some(End::success_policy(rule));
    }
    let completions = spec.completions.unwrap_or(0);
    if tally.completed.count() >= completions {
        return Some(End::complete());
    }
    (failed > 0 && tally.completed.count() + failed >= completions)
        .then(|| End::failed("FailedIndexes", "Job has failed indexes"))
}

/// With `restartPolicy: OnFailure` restarts count as failures do.
fn restarted_too_often(spec: &JobSpec, tally: &Tally, limit: i32) -> bool {
    let policy = spec
        .template
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    let restarts = tally.active.iter().map(|pod| i64::from(pod::restarts(pod)));
    let restarts: i64 = restarts.sum();
    policy == Some("OnFailure") && restarts > 0 && restarts >= i64::from(limit)
}

/// Which pods to create or delete, to have as many active as wanted.
fn balance(spec: &JobSpec, world: &World, tally: &Tally, now: Timestamp, plan: &mut Plan) {
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    let parallelism = size(spec.parallelism.unwrap_or(1));
    let indexed = tally::is_indexed(spec);
    let mut active = tally.active.clone();
    if indexed {
        let misplaced = misplaced(spec, tally);
        active.retain(|pod| misplaced.iter().all(|one| !Arc::ptr_eq(one, pod)));
        plan.delete.extend(misplaced);
    }
    let wanted = match spec.completions {
        Some(completions) if indexed => {
            let over = tally.completed.count() + tally.failed_indexes.count();
            size(completions - over).min(parallelism)
        }
        Some(completions) => size(completions - tally.succeeded()).min(parallelism),
        None if tally.succeeded() == 0 => parallelism,
        None => active.len().min(parallelism),
    };
    if active.len() > wanted {
        let surplus = active.len() - wanted;
        // Those that got least far go first.
        active.sort_by_key(|pod| {
            (
                pod::is_ready(pod),
                Reverse(pod.metadata.creation_timestamp.as_ref().map(|t| t.0)),
            )
        });
        active.truncate(surplus);
        plan.delete.extend(active);
        return;
    }
    let mut taken = active.len();
    if tally::replaces_only_failed(spec) {
        taken += tally.terminating.len();
    }
    let room = wanted.saturating_sub(taken).min(BURST);
    if room == 0 {
        return;
    }
    let wait = backoff::after_failures(spec, world, now);
    if indexed {
        create_indexes(spec, world, tally, &active, room, now, plan);
    } else if wait.is_none() {
        plan.create = vec![Fresh::default(); room];
    }
    if spec.backoff_limit_per_index.is_none() && wait.is_some() {
        plan.create.clear();
        plan.next = soonest(plan.next, wait);
    }
}

/// Active pods whose index is wanted no more, or by another pod already.
fn misplaced(spec: &JobSpec, tally: &Tally) -> Vec<Arc<Pod>> {
    let mut seen = BTreeSet::new();
    let completions = spec.completions.unwrap_or(0);
    let is_wanted = |index: i32| {
        index < completions
            && !tally.completed.0.contains(&index)
            && !tally.failed_indexes.0.contains(&index)
    };
    let active = tally.active.iter();
    active
        .filter(|pod| !tally::index(pod).is_some_and(|one| is_wanted(one) && seen.insert(one)))
        .cloned()
        .collect()
}

/// The lowest indexes that have no pod and whose wait is over.
fn create_indexes(
    spec: &JobSpec,
    world: &World,
    tally: &Tally,
    active: &[Arc<Pod>],
    room: usize,
    now: Timestamp,
    plan: &mut Plan,
) {
    let mut busy: BTreeSet<i32> = active.iter().filter_map(|pod| tally::index(pod)).collect();
    if tally::replaces_only_failed(spec) {
        busy.extend(tally.terminating.iter().filter_map(|pod| tally::index(pod)));
    }
    for index in 0..spec.completions.unwrap_or(0) {
        if plan.create.len() == room {
            break;
        }
        let over = tally.completed.0.contains(&index) || tally.failed_indexes.0.contains(&index);
        if over || busy.contains(&index) {
            continue;
        }
        let per_index = spec.backoff_limit_per_index.is_some();
        let so_far = tally.failures.get(&index).copied().unwrap_or_default();
        if per_index && let Some(wait) = backoff::of_index(spec, world, index, so_far, now) {
            plan.next = soonest(plan.next, Some(wait));
            continue;
        }
        plan.create.push(Fresh {
            index: Some(index),
            failures: per_index.then_some(so_far),
        });
    }
}

/// What is left of `activeDeadlineSeconds`; `None` without one.
fn deadline_left(spec: &JobSpec, status: &JobStatus, now: Timestamp) -> Option<Duration> {
    let seconds = spec.active_deadline_seconds?;
    let start = status.start_time.as_ref()?.0;
    let left = SignedDuration::from_secs(seconds).saturating_sub(now.duration_since(start));
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
