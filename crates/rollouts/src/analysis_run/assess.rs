//! From measurements to phases.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_resources::argoproj::{
    AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus, Measurement, Metric, MetricResult,
    RunSummary,
};

use super::{due, metrics};

/// How many measurements a result keeps unless told.
const RETENTION: usize = 10;

/// Adds a measurement to the result of the metric at `index`.
pub(super) fn record(
    status: &mut AnalysisRunStatus,
    index: usize,
    measurement: Measurement,
    spec: &AnalysisRunSpec,
) {
    let results = status.metric_results.get_or_insert_default();
    let Some(result) = results.get_mut(index) else {
        return;
    };
    result.consecutive_success = match measurement.phase {
        AnalysisPhase::Successful => result.consecutive_success + 1,
        _ => 0,
    };
    result.consecutive_error = match measurement.phase {
        AnalysisPhase::Error => result.consecutive_error + 1,
        _ => 0,
    };
    match measurement.phase {
        AnalysisPhase::Successful => result.successful += 1,
        AnalysisPhase::Failed => result.failed += 1,
        AnalysisPhase::Inconclusive => result.inconclusive += 1,
        _ => result.error += 1,
    }
    // Errors do not use up `count`.
    if measurement.phase != AnalysisPhase::Error {
        result.count += 1;
    }
    let keep = retention(spec, &result.name);
    let measurements = result.measurements.get_or_insert_default();
    measurements.push(measurement);
    let surplus = measurements.len().saturating_sub(keep);
    measurements.drain(..surplus);
}

fn retention(spec: &AnalysisRunSpec, name: &str) -> usize {
    let rules = spec.measurement_retention.iter().flatten();
    let rule = rules
        .filter(|rule| matches(&rule.metric_name, name))
        .find_map(|rule| rule.limit);
    rule.and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| *limit > 0)
        .unwrap_or(RETENTION)
}

/// Whether the metric's outcome does not count.
pub(super) fn is_dry_run(spec: &AnalysisRunSpec, name: &str) -> bool {
    spec.dry_run
        .iter()
        .flatten()
        .any(|rule| matches(&rule.metric_name, name))
}

/// Rules name metrics exactly or by a leading or trailing `.*`.
fn matches(rule: &str, name: &str) -> bool {
    match (rule.strip_prefix(".*"), rule.strip_suffix(".*")) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => rule == name,
    }
}

/// Whether a metric that counts has failed, which ends the others.
pub(super) fn any_failed(spec: &AnalysisRunSpec, status: &AnalysisRunStatus) -> bool {
    let bad = [
        AnalysisPhase::Failed,
        AnalysisPhase::Error,
        AnalysisPhase::Inconclusive,
    ];
    status
        .metric_results
        .iter()
        .flatten()
        .any(|result| bad.contains(&result.phase) && !is_dry_run(spec, &result.name))
}

/// Sets the phases of all metrics and of the run; returns the time until the next measurement.
pub(super) fn run(
    status: &mut AnalysisRunStatus,
    spec: &AnalysisRunSpec,
    now: Timestamp,
) -> Option<Duration> {
    assess_metrics(status, spec, spec.terminate == Some(true));
    if any_failed(spec, status) {
        // One failed metric decides; the others end where they stand.
        assess_metrics(status, spec, true);
    }
    let started = status.started_at.as_ref().map_or(now, |started| started.0);
    let results = status.metric_results.as_deref().unwrap_or_default();
    status.run_summary = Some(summary(results, |name| !is_dry_run(spec, name)));
    if spec.dry_run.is_some() {
        status.dry_run_summary = Some(summary(results, |name| is_dry_run(spec, name)));
    }
    if results.iter().any(|result| !result.phase.is_final()) {
        status.phase = AnalysisPhase::Running;
        let next = metrics(spec)
            .iter()
            .zip(results)
            .filter_map(|(metric, result)| due::next(metric, result, started))
            .min();
        return Some(next.map_or(Duration::ZERO, |next| {
            Duration::try_from(next.duration_since(now)).unwrap_or_default()
        }));
    }
    let counted = results
        .iter()
        .filter(|result| !is_dry_run(spec, &result.name));
    let worst = counted.max_by_key(|result| severity(result.phase));
    status.phase = worst.map_or(AnalysisPhase::Successful, |result| result.phase);
    status.message = match (
        spec.terminate,
        worst.and_then(|result| result.message.clone()),
    ) {
        (Some(true), None) => Some("Run Terminated".to_owned()),
        (_, message) => message,
    };
    status.completed_at = Some(Time(now));
    None
}

/// Which of several outcomes a run has: a failure outweighs an error, as upstream ranks them.
fn severity(phase: AnalysisPhase) -> u8 {
    match phase {
        AnalysisPhase::Successful => 0,
        AnalysisPhase::Pending | AnalysisPhase::Running => 1,
        AnalysisPhase::Inconclusive => 2,
        AnalysisPhase::Error => 3,
        AnalysisPhase::Failed => 4,
    }
}

fn summary(results: &[MetricResult], counts: impl Fn(&str) -> bool) -> RunSummary {
    let mut summary = RunSummary::default();
    for result in results.iter().filter(|result| counts(&result.name)) {
        summary.count += 1;
        match result.phase {
            AnalysisPhase::Successful => summary.successful += 1,
            AnalysisPhase::Failed => summary.failed += 1,
            AnalysisPhase::Inconclusive => summary.inconclusive += 1,
            AnalysisPhase::Error => summary.error += 1,
            AnalysisPhase::Pending | AnalysisPhase::Running => {}
        }
    }
    summary
}

fn assess_metrics(status: &mut AnalysisRunStatus, spec: &AnalysisRunSpec, terminating: bool) {
    let results = status.metric_results.get_or_insert_default();
    for (metric, result) in metrics(spec).iter().zip(results) {
        if result.phase.is_final() {
            continue;
        }
        let (phase, message) = assess(metric, result, terminating);
        result.phase = phase;
        if let Some(message) = message {
            result.message = Some(message);
        }
    }
}

/// One metric. When several limits trip at once, a failure overrides an inconclusive outcome, and
/// that an error.
fn assess(
    metric: &Metric,
    result: &MetricResult,
    terminating: bool,
) -> (AnalysisPhase, Option<String>) {
    let limits = [
        (
            AnalysisPhase::Failed,
            "failed",
            result.failed,
            "failureLimit",
            number(metric.failure_limit.as_ref(), 0),
        ),
        (
            AnalysisPhase::Inconclusive,
            "inconclusive",
            result.inconclusive,
            "inconclusiveLimit",
            number(metric.inconclusive_limit.as_ref(), 0),
        ),
        (
            AnalysisPhase::Error,
            "consecutiveErrors",
            result.consecutive_error,
            "consecutiveErrorLimit",
            number(metric.consecutive_error_limit.as_ref(), 4),
        ),
    ];
    for (phase, what, count, name, limit) in limits {
        if limit >= 0 && count > limit {
            let last = result.measurements.iter().flatten().next_back();
            let why = last.and_then(|last| last.message.as_deref());
            let why = why
                .map(|why| format!(": \"Error Message: {why}\""))
                .unwrap_or_default();
            let message = format!(
                "Metric \"{}\" assessed {phase:?} due to {what} ({count}) > {name} ({limit}){why}",
                result.name
            );
            return (phase, Some(message));
        }
    }
    let enough = number(metric.consecutive_success_limit.as_ref(), 0);
    if enough > 0 && result.consecutive_success >= enough {
        return (AnalysisPhase::Successful, None);
    }
    let wanted = match (&metric.count, &metric.interval) {
        (Some(count), _) => number(Some(count), 0),
        (None, None) => 1,
        (None, Some(_)) => 0,
    };
    if (wanted > 0 && result.count >= wanted) || terminating {
        return (AnalysisPhase::Successful, None);
    }
    (AnalysisPhase::Running, None)
}

/// A limit, which may be written as a number or as text.
fn number(limit: Option<&IntOrString>, default: i32) -> i32 {
    match limit {
        None => default,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => text.parse().unwrap_or(default),
    }
}
