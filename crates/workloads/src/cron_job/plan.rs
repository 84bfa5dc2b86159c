//! What a CronJob does next. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::ObjectMeta;
use seatrial_controller::{Notice, owner_reference};

use super::due::{Due, due};
use super::schedule::Schedule;
use super::{Error, zone};

/// How long after a start is due it is looked at, so that it is surely past (as upstream).
const SLACK: Duration = Duration::from_millis(100);

/// What to do, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delete: Vec<Arc<Job>>,
    /// The job to make, and the time it was due at.
    pub(super) start: Option<(Job, Timestamp)>,
    pub(super) events: Vec<Notice>,
    pub(super) status: CronJobStatus,
    pub(super) next: Option<Duration>,
}

pub(super) fn decide(cron: &CronJob, jobs: &[Arc<Job>], now: Timestamp) -> Result<Plan, Error> {
    let spec = cron.spec.as_ref().ok_or(Error::NoSpec)?;
    let mut plan = Plan {
        status: cron.status.clone().unwrap_or_default(),
        ..Plan::default()
    };
    settle(jobs, &mut plan);
    let leaving = cron.metadata.deletion_timestamp.is_some();
    if !leaving
        && let Some((schedule, zone)) = read(spec, &mut plan)
        && spec.suspend != Some(true)
    {
        start(cron, spec, jobs, &schedule, &zone, now, &mut plan);
        plan.next = schedule
            .next(now, &zone)
            .map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default() + SLACK);
    }
    if !leaving {
        expire(spec, jobs, &mut plan);
    }
    Ok(plan)
}

/// How a job ended; none while it has not.
fn end(job: &Job) -> Option<&str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let end = conditions.iter().find(|condition| {
        matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True"
    })?;
    Some(&end.type_)
}

fn name(job: &Job) -> &str {
    job.metadata.name.as_deref().unwrap_or_default()
}

/// Brings the list of active jobs up to date.
fn settle(jobs: &[Arc<Job>], plan: &mut Plan) {
    let mut active = plan.status.active.take().unwrap_or_default();
    for job in jobs {
        let listed = active.iter().position(|one| one.uid == job.metadata.uid);
        match (end(job), listed) {
            (None, None) => {
                let text = format!(
                    "Saw a job that the controller did not create or forgot: {}",
                    name(job)
                );
                plan.events.push(Notice::warning("UnexpectedJob", text));
            }
            (Some(end), Some(place)) => {
                active.remove(place);
                let text = format!("Saw completed job: {}, condition: {end}", name(job));
                plan.events.push(Notice::normal("SawCompletedJob", text));
            }
            _ => {}
        }
        let completed = job
            .status
            .as_ref()
            .and_then(|status| status.completion_time.clone());
        if end(job) == Some("Complete")
            && let Some(completed) = completed
        {
            let newest = plan.status.last_successful_time.as_ref();
            if newest.is_none_or(|newest| newest.0 < completed.0) {
                plan.status.last_successful_time = Some(completed);
            }
        }
    }
    active.retain(|one| {
        let there = jobs.iter().any(|job| job.metadata.uid == one.uid);
        if !there {
            let gone = one.name.as_deref().unwrap_or_default();
            let text = format!("Active job went missing: {gone}");
            plan.events.push(Notice::normal("MissingJob", text));
        }
        there
    });
    plan.status.active = (!active.is_empty()).then_some(active);
}

/// The schedule and its zone; without a zone UTC. What cannot be read is told.
fn read(spec: &CronJobSpec, plan: &mut Plan) -> Option<(Schedule, TimeZone)> {
    let zone = match spec.time_zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => match zone::find(name) {
            Some(zone) => zone,
            None => {
                let text = format!("invalid timeZone: {name:?}: unknown time zone {name}");
                plan.events.push(Notice::warning("UnknownTimeZone", text));
                return None;
            }
        },
    };
    match Schedule::parse(&spec.schedule) {
        Ok(schedule) => Some((schedule, zone)),
        Err(error) => {
            let text = format!("unparseable schedule: {:?} : {error}", spec.schedule);
            plan.events
                .push(Notice::warning("UnparseableSchedule", text));
            None
        }
    }
}

/// Decides about the start that is due, if one is.
fn start(
    cron: &CronJob,
    spec: &CronJobSpec,
    jobs: &[Arc<Job>],
    schedule: &Schedule,
    zone: &TimeZone,
    now: Timestamp,
    plan: &mut Plan,
) {
    let Due { start, many_missed } = due(cron, schedule, zone, now);
    if many_missed {
        let text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or \
                    check clock skew";
        plan.events
            .push(Notice::warning("TooManyMissedTimes", text));
    }
    let Some(at) = start else { return };
    let late = spec
        .starting_deadline_seconds
        .is_some_and(|seconds| now.duration_since(at) > SignedDuration::from_secs(seconds));
    if late {
        let when = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let text = format!("Missed scheduled time to start a job: {when}");
        plan.events.push(Notice::warning("MissSchedule", text));
        return;
    }
    let active = plan.status.active.as_deref().unwrap_or_default();
    match spec.concurrency_policy.as_deref() {
        Some("Forbid") if !active.is_empty() => {
            let text = "Not starting job because prior execution is running and concurrency \
                        policy is Forbid";
            plan.events.push(Notice::normal("JobAlreadyActive", text));
            return;
        }
        Some("Replace") => {
            let replaced = jobs
                .iter()
                .filter(|job| active.iter().any(|one| one.uid == job.metadata.uid));
            plan.delete.extend(replaced.cloned());
            plan.status.active = None;
        }
        _ => {}
    }
    plan.start = Some((job(cron, spec, at, zone), at));
}

/// The job of one start.
fn job(cron: &CronJob, spec: &CronJobSpec, at: Timestamp, zone: &TimeZone) -> Job {
    let template = spec.job_template.metadata.clone().unwrap_or_default();
    let parent = cron.metadata.name.as_deref().unwrap_or_default();
    let mut annotations = template.annotations.unwrap_or_default();
    let local = at.to_zoned(zone.clone());
    let mut stamp = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    if let Some(plain) = stamp.strip_suffix("+00:00") {
        stamp = format!("{plain}Z");
    }
    annotations.insert(
        "batch.kubernetes.io/cronjob-scheduled-timestamp".to_owned(),
        stamp,
    );
    Job {
        metadata: ObjectMeta {
            name: Some(format!("{parent}-{}", at.as_second() / 60)),
            namespace: cron.metadata.namespace.clone(),
            labels: template.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owner_reference(cron)]),
            ..ObjectMeta::default()
        },
        spec: spec.job_template.spec.clone(),
        status: None,
    }
}

/// Ended jobs beyond the limits go, the oldest first.
fn expire(spec: &CronJobSpec, jobs: &[Arc<Job>], plan: &mut Plan) {
    let limits = [
        ("Complete", spec.successful_jobs_history_limit),
        ("Failed", spec.failed_jobs_history_limit),
    ];
    for (kind, limit) in limits {
        let Some(limit) = limit else { continue };
        let mut ended: Vec<_> = jobs.iter().filter(|job| end(job) == Some(kind)).collect();
        let started = |job: &Job| -> Option<Time> { job.status.as_ref()?.start_time.clone() };
        ended.sort_by_key(|job| (started(job).map(|time| time.0), name(job).to_owned()));
        let surplus = ended
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(0));
        plan.delete.extend(ended.into_iter().take(surplus).cloned());
    }
}
