//! PromQL: the query language of Prometheus, evaluated as Prometheus 3 does.
//!
//! ```text
//!   text ── parse ──▶ Expr ── plan ──▶ what to read from the store
//!                       │                       │
//!                       └───────▶ Evaluator ◀───┘ ── Value
//!                                   ├ aggregate
//!                                   ├ binary (matching of vectors)
//!                                   └ functions (one file per family, one table)
//! ```
//!
//! Parsing is `promql-parser`'s; the evaluator is our own. Range selectors are open on the left, as
//! since Prometheus 3.0. Native histograms and the functions on them do not exist here, and neither do
//! Prometheus' experimental functions; asking for one is an error that names it.

// Exact comparison is what the language means; functions of one table share one signature.
#![allow(clippy::float_cmp, clippy::unnecessary_wraps)]

mod aggregate;
mod binary;
mod error;
mod evaluator;
mod functions;
mod locate;
mod matching;
mod parse;
mod plan;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

pub use error::{Error, ParseError};
pub use parse::{parse, selector};
use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;
pub use value::{Sample, Value};

use self::evaluator::Evaluator;
use crate::labels::Labels;
use crate::store::{Point, Series, Store};

/// The most points per series that a range query may ask for, as upstream.
const MOST_POINTS: i64 = 11_000;

/// How queries are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How old the last sample of a series may be: 5 minutes unless said otherwise.
    pub lookback: Duration,
    /// The step of subqueries that do not name one (Prometheus' `evaluation_interval`).
    pub subquery_step: Duration,
    /// How much work one query may be, in steps of evaluation and points looked at.
    pub most_work: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback: Duration::from_mins(5),
            subquery_step: Duration::from_mins(1),
            most_work: 200_000_000,
        }
    }
}

/// Evaluates an expression at one time (milliseconds since 1970).
pub fn instant(store: &Store, options: &Options, text: &str, time: i64) -> Result<Value, Error> {
    let (expr, time) = (parse(text)?, plan::bounded(time));
    let evaluator = Evaluator::new(store, options, &expr, (time, time))?;
    evaluator.evaluate(&expr, time)
}

/// Evaluates an expression at each step from `start` to `end` (milliseconds); the result is a matrix.
pub fn range(
    store: &Store,
    options: &Options,
    text: &str,
    (start, end): (i64, i64),
    step: i64,
) -> Result<Value, Error> {
    let (start, end) = (plan::bounded(start), plan::bounded(end));
    check_range(start, end, step)?;
    let expr = parse(text)?;
    if !matches!(expr.value_type(), ValueType::Vector | ValueType::Scalar) {
        return Err(Error::NotForRanges(expr.value_type()));
    }
    let evaluator = Evaluator::new(store, options, &expr, (start, end))?;
    range_of(&evaluator, &expr, (start, end), step)
}

/// What a point that has to be kept costs, against one that is only looked at.
const KEPT: u64 = 20;

fn check_range(start: i64, end: i64, step: i64) -> Result<(), Error> {
    if step <= 0 {
        return Err(Error::Step);
    }
    if end < start {
        return Err(Error::EndBeforeStart);
    }
    if (end - start) / step > MOST_POINTS {
        return Err(Error::TooManyPoints);
    }
    Ok(())
}

fn range_of(
    evaluator: &Evaluator,
    expr: &Expr,
    (start, end): (i64, i64),
    step: i64,
) -> Result<Value, Error> {
    let mut series: BTreeMap<Labels, Vec<Point>> = BTreeMap::new();
    let mut time = start;
    while time <= end {
        match evaluator.evaluate(expr, time)? {
            Value::Scalar(value) => {
                evaluator.spend(KEPT)?;
                series
                    .entry(Labels::default())
                    .or_default()
                    .push(Point { time, value });
            }
            Value::Vector(samples) => {
                for sample in samples {
                    evaluator.spend(KEPT)?;
                    let point = Point {
                        time,
                        value: sample.value,
                    };
                    series.entry(sample.labels).or_default().push(point);
                }
            }
            Value::Text(_) | Value::Matrix(_) => {
                return Err(Error::NotForRanges(expr.value_type()));
            }
        }
        time = time.saturating_add(step);
    }
    let series = series
        .into_iter()
        .map(|(labels, points)| Series { labels, points });
    Ok(Value::Matrix(series.collect()))
}
