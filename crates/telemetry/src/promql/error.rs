//! Why a query has no answer.

use promql_parser::parser::value::ValueType;

use crate::labels::Labels;

/// A query that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    pub(crate) fn at(text: &str, position: usize, message: impl Into<String>) -> Self {
        let before = &text[..position.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The step of a range query is not positive.
    #[error(
        "zero or negative query resolution step widths are not accepted. Try a positive integer"
    )]
    Step,
    /// The range is backwards.
    #[error("end timestamp must not be before start time")]
    EndBeforeStart,
    /// The range has too many steps.
    #[error(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    )]
    TooManyPoints,
    /// Only scalars and instant vectors can be evaluated over a range.
    #[error("invalid expression type {0:?} for range query, must be Scalar or instant Vector")]
    NotForRanges(ValueType),
    /// A function or operator that this evaluator does not have.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// Two results have the same labels.
    #[error("vector cannot contain metrics with the same labelset: {0}")]
    DuplicateLabels(Labels),
    /// Matching found several partners where one was needed.
    #[error("{0}")]
    Matching(String),
    /// An argument has a value that the function cannot take.
    #[error("{0}")]
    Argument(String),
    /// Evaluation takes too long.
    #[error(
        "the query takes too much work: shorten the range, lengthen the step, or select fewer series"
    )]
    TooMuchWork,
    /// The query reads more samples than one query may.
    #[error("query processing would load too many samples into memory: more than {0}")]
    TooManySamples(usize),
}

impl Error {
    /// Whether the query itself is wrong, rather than what it found.
    pub fn is_bad_data(&self) -> bool {
        matches!(
            self,
            Self::Parse(_)
                | Self::Step
                | Self::EndBeforeStart
                | Self::TooManyPoints
                | Self::NotForRanges(_)
                | Self::Unsupported(_)
        )
    }
}
