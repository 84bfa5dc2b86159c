//! When a metric is to be measured.

use std::time::Duration;

use jiff::Timestamp;
use seatrial_resources::argoproj::{AnalysisPhase, Metric, MetricResult};

use crate::rollout::duration;

/// The time after which an error is asked again.
const ERROR_RETRY: Duration = Duration::from_secs(10);

/// The least time between two measurements, whatever the interval says: one that never ends with an interval
/// of nothing would leave no time for anything else.
const LEAST: Duration = Duration::from_secs(1);

/// The moment of the next measurement; `None` where there is none any more. `started` is when the
/// run began.
pub(super) fn next(
    metric: &Metric,
    result: &MetricResult,
    started: Timestamp,
) -> Option<Timestamp> {
    if result.phase.is_final() {
        return None;
    }
    let after = |moment: Timestamp, wait: Duration| moment.saturating_add(wait).ok();
    let last = result.measurements.iter().flatten().next_back();
    let Some(finished) = last.and_then(|last| last.finished_at.as_ref()) else {
        let delay = metric.initial_delay.as_deref().and_then(duration::parse);
        return after(started, delay.unwrap_or_default());
    };
    if last.is_some_and(|last| last.phase == AnalysisPhase::Error) {
        return after(finished.0, ERROR_RETRY);
    }
    let interval = metric.interval.as_deref().and_then(duration::parse);
    // Without an interval, a `count` above one asks again at once, or nearly.
    after(finished.0, interval.unwrap_or_default().max(LEAST))
}

/// Whether the moment has come.
pub(super) fn is_due(
    metric: &Metric,
    result: &MetricResult,
    started: Timestamp,
    now: Timestamp,
) -> bool {
    next(metric, result, started).is_some_and(|moment| moment <= now)
}
