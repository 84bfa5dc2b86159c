//! AnalysisRun: measures its metrics at their intervals and says what came of it.
//!
//! ```text
//!   decide (pure)                measure              assess (pure)
//!   which metrics are due   ──▶  ask the port    ──▶  counts, limits, phases, when to look again
//! ```
//!
//! Limits and their order are those of Argo Rollouts (`analysis/analysis.go`): a metric fails when
//! more measurements failed than `failureLimit` tolerates, is inconclusive or in error likewise; an
//! error is asked again after ten seconds and does not use up `count`.

mod argument;
mod assess;
mod condition;
mod due;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Class, Classify, Context, Notice, Outcome, Reconciler};
use seatrial_resources::argoproj::{
    AnalysisPhase, AnalysisRun, AnalysisRunSpec, AnalysisRunStatus, Measurement, Metric,
    MetricResult,
};

use crate::metrics::{Answer, Metrics};

pub use condition::evaluate;

/// The controller of AnalysisRuns.
pub struct AnalysisRuns {
    metrics: Arc<dyn Metrics>,
}

impl AnalysisRuns {
    /// A controller that asks `metrics`.
    pub fn new(metrics: Arc<dyn Metrics>) -> Self {
        Self { metrics }
    }

    /// Takes one measurement; every failure is a measurement in phase `Error`.
    async fn measure(&self, run: &AnalysisRunSpec, metric: &Metric, ctx: &Context) -> Measurement {
        let started_at = Some(Time(ctx.clock.now()));
        let outcome = self.ask(run, metric).await;
        let finished_at = Some(Time(ctx.clock.now()));
        let (phase, value, message) = match outcome {
            Ok((phase, value)) => (phase, Some(value), None),
            Err((value, message)) => (AnalysisPhase::Error, value, Some(message)),
        };
        Measurement {
            phase,
            value,
            message,
            started_at,
            finished_at,
            ..Measurement::default()
        }
    }

    async fn ask(
        &self,
        run: &AnalysisRunSpec,
        metric: &Metric,
    ) -> Result<(AnalysisPhase, String), (Option<String>, String)> {
        let nothing = |message: String| (None, message);
        let provider = metric.provider.prometheus.as_ref().ok_or_else(|| {
            let others: Vec<&str> = metric.provider.others.keys().map(String::as_str).collect();
            nothing(match others.as_slice() {
                [] => format!("metric {}: no provider is given", metric.name),
                names => format!(
                    "metric {}: the provider {} is not supported; use prometheus",
                    metric.name,
                    names.join(", ")
                ),
            })
        })?;
        let query =
            argument::fill(provider.query.as_deref().unwrap_or_default(), run).map_err(nothing)?;
        let address = argument::fill(provider.address.as_deref().unwrap_or_default(), run)
            .map_err(nothing)?;
        let answer = self.metrics.query(&address, &query).await;
        let answer = answer.map_err(|failure| nothing(failure.to_string()))?;
        let value = text(&answer);
        let is_empty = matches!(&answer, Answer::Vector(samples) if samples.is_empty());
        let nothing_said = format!("the query returned no samples: {}", flat(&query));
        if is_empty && metric.success_condition.is_none() && metric.failure_condition.is_none() {
            return Err((Some(value), nothing_said));
        }
        match condition::judge(metric, run, &answer) {
            Ok(phase) => Ok((phase, value)),
            // A condition may know what to do about nothing; one that does not deserves the reason.
            Err(_) if is_empty => Err((Some(value), nothing_said)),
            Err(message) => Err((Some(value), message)),
        }
    }
}

/// A query on one line.
fn flat(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An answer as upstream shows it: `[0.995]`.
fn text(answer: &Answer) -> String {
    match answer {
        Answer::Scalar(number) => number.to_string(),
        Answer::Vector(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
            format!("[{}]", numbers.join(","))
        }
    }
}

impl Reconciler for AnalysisRuns {
    const NAME: &'static str = "analysis-controller";
    const WORKERS: usize = 4;
    type Object = AnalysisRun;
    type Error = Error;

    async fn reconcile(&self, run: Arc<AnalysisRun>, ctx: &Context) -> Result<Outcome, Error> {
        let before = run.status.clone().unwrap_or_default();
        if before.phase.is_final() {
            return Ok(Outcome::settled());
        }
        let now = ctx.clock.now();
        let mut status = begin(&run.spec, before.clone(), now);
        if let Some(problem) = argument::problem(&run.spec) {
            status.phase = AnalysisPhase::Error;
            status.message = Some(problem);
            status.completed_at = Some(Time(now));
            return Ok(finish(&before, status, None));
        }
        let terminating =
            run.spec.terminate == Some(true) || assess::any_failed(&run.spec, &status);
        if !terminating {
            let started = status.started_at.as_ref().map_or(now, |started| started.0);
            for (index, metric) in metrics(&run.spec).iter().enumerate() {
                if due::is_due(metric, &result(&status, index), started, now) {
                    let measurement = self.measure(&run.spec, metric, ctx).await;
                    assess::record(&mut status, index, measurement, &run.spec);
                }
            }
        }
        let now = ctx.clock.now();
        let next = assess::run(&mut status, &run.spec, now);
        Ok(finish(&before, status, next))
    }
}

fn metrics(spec: &AnalysisRunSpec) -> &[Metric] {
    spec.metrics.as_deref().unwrap_or_default()
}

fn result(status: &AnalysisRunStatus, index: usize) -> MetricResult {
    status
        .metric_results
        .iter()
        .flatten()
        .nth(index)
        .cloned()
        .unwrap_or_default()
}

/// The status with a place for every metric.
fn begin(
    spec: &AnalysisRunSpec,
    mut status: AnalysisRunStatus,
    now: Timestamp,
) -> AnalysisRunStatus {
    status.started_at.get_or_insert(Time(now));
    status.phase = AnalysisPhase::Running;
    let results = status.metric_results.get_or_insert_default();
    for metric in metrics(spec).iter().skip(results.len()) {
        let dry_run = assess::is_dry_run(spec, &metric.name).then_some(true);
        results.push(MetricResult {
            name: metric.name.clone(),
            phase: AnalysisPhase::Running,
            dry_run,
            ..MetricResult::default()
        });
    }
    status
}

fn finish(
    before: &AnalysisRunStatus,
    status: AnalysisRunStatus,
    next: Option<std::time::Duration>,
) -> Outcome {
    let outcome = next.map_or_else(Outcome::settled, Outcome::waiting);
    let outcome = outcome.with_events(events(before, &status));
    outcome.with_status(status)
}

fn events(before: &AnalysisRunStatus, after: &AnalysisRunStatus) -> Vec<Notice> {
    let notice = |phase: AnalysisPhase, what: String, reason: &str| match phase {
        AnalysisPhase::Failed | AnalysisPhase::Error => {
            Notice::warning(format!("{reason}{phase:?}"), what)
        }
        phase => Notice::normal(format!("{reason}{phase:?}"), what),
    };
    let mut events = Vec::new();
    for (index, metric) in after.metric_results.iter().flatten().enumerate() {
        if metric.phase.is_final() && metric.phase != result(before, index).phase {
            let message = metric.message.as_deref().map(|text| format!(": {text}"));
            let what = format!(
                "Metric '{}' Completed. Result: {:?}{}",
                metric.name,
                metric.phase,
                message.unwrap_or_default()
            );
            events.push(notice(metric.phase, what, "Metric"));
        }
    }
    if after.phase.is_final() && after.phase != before.phase {
        let what = format!("Analysis Completed. Result: {:?}", after.phase);
        events.push(notice(after.phase, what, "AnalysisRun"));
    }
    events
}

/// Nothing can go wrong that is not a measurement.
#[derive(Debug, thiserror::Error)]
#[error("the analysis run cannot be worked on")]
pub struct Error;

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Terminal
    }
}
