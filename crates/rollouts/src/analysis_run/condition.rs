//! Whether a measurement is good.

use seatrial_expr::condition::{Condition, Value};
use seatrial_resources::argoproj::{AnalysisPhase, AnalysisRunSpec, Metric};

use super::argument;
use crate::metrics::Answer;

/// Evaluates a condition over an answer.
///
/// # Errors
/// A sentence that says what is wrong with the condition, and where in it.
pub fn evaluate(condition: &str, answer: &Answer) -> Result<bool, String> {
    let parsed = Condition::parse(condition).map_err(|error| format!("{condition:?}: {error}"))?;
    let result = match answer {
        Answer::Scalar(number) => Value::Float(*number),
        Answer::Vector(numbers) => Value::List(numbers.iter().copied().map(Value::Float).collect()),
    };
    parsed
        .holds(&result)
        .map_err(|error| format!("{condition:?}: {error}"))
}

/// The phase of a measurement. Without conditions every answer is good; one condition decides
/// together with its opposite; with both, failure wins and neither is inconclusive.
pub(super) fn judge(
    metric: &Metric,
    run: &AnalysisRunSpec,
    answer: &Answer,
) -> Result<AnalysisPhase, String> {
    let check = |condition: &Option<String>| match condition.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => evaluate(&argument::fill(text, run)?, answer).map(Some),
    };
    Ok(
        match (
            check(&metric.failure_condition)?,
            check(&metric.success_condition)?,
        ) {
            (Some(true), _) | (None, Some(false)) => AnalysisPhase::Failed,
            (None | Some(false), None) | (_, Some(true)) => AnalysisPhase::Successful,
            (Some(false), Some(false)) => AnalysisPhase::Inconclusive,
        },
    )
}
