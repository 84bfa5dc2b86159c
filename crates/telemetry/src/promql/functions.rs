//! The functions of PromQL: one table, one file per family.

mod absent;
mod histogram;
mod labels;
mod math;
mod over_time;
mod rate;
mod regression;
mod shape;
pub(super) mod statistics;
mod time;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Call, Expr};

use super::error::Error;
use super::evaluator::{Evaluator, unique};
use super::value::{Sample, Value};
use crate::store::Point;

/// A function that evaluates its arguments itself, at a time in milliseconds.
type Whole = fn(&Evaluator, &[Box<Expr>], i64) -> Result<Value, Error>;

/// How a function is computed.
#[derive(Clone, Copy)]
enum Function {
    /// Each value of a vector by itself; the metric's name goes.
    Each(fn(f64) -> f64),
    /// Each value of a vector with numbers given as further arguments; the metric's name goes.
    EachWith(fn(f64, &[f64]) -> Option<f64>),
    /// Each series of a range vector by itself.
    Range(fn(&Stretch<'_>) -> Option<f64>, MetricName),
    /// Anything else.
    Whole(Whole),
}

/// Whether the result is still the same metric.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MetricName {
    Dropped,
    Kept,
}

/// One series of a range vector, with what functions need to know about the range.
struct Stretch<'a> {
    /// At least one point, in order.
    points: &'a [Point],
    /// The start of the range in milliseconds; it is not part of it.
    from: i64,
    /// The end of the range in milliseconds.
    to: i64,
    /// The time of evaluation in milliseconds.
    now: i64,
    /// The scalar arguments in their order.
    numbers: &'a [f64],
}

impl Stretch<'_> {
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.points.iter().map(|point| point.value)
    }

    fn number(&self) -> f64 {
        self.numbers.first().copied().unwrap_or(f64::NAN)
    }
}

/// Every function, sorted into families.
const FAMILIES: [&[(&str, Function)]; 9] = [
    absent::FUNCTIONS,
    histogram::FUNCTIONS,
    labels::FUNCTIONS,
    math::FUNCTIONS,
    over_time::FUNCTIONS,
    rate::FUNCTIONS,
    regression::FUNCTIONS,
    shape::FUNCTIONS,
    time::FUNCTIONS,
];

fn find(name: &str) -> Option<Function> {
    let functions = FAMILIES.iter().copied().flatten();
    functions
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, function)| *function)
}

/// Whether this evaluator has a function.
pub(super) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// Evaluates a call.
pub(super) fn call(evaluator: &Evaluator, call: &Call, time: i64) -> Result<Value, Error> {
    let arguments = call.args.args.as_slice();
    let name = call.func.name;
    match find(name) {
        None => Err(Error::Unsupported(format!("the function {name}"))),
        Some(Function::Whole(function)) => function(evaluator, arguments, time),
        Some(Function::Each(function)) => {
            each(evaluator, arguments, time, |value, _| Some(function(value)))
        }
        Some(Function::EachWith(function)) => each(evaluator, arguments, time, function),
        Some(Function::Range(function, metric)) => {
            range(evaluator, arguments, time, function, metric)
        }
    }
}

fn numbers(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Vec<f64>, Error> {
    let scalars = arguments
        .iter()
        .filter(|argument| argument.value_type() == ValueType::Scalar);
    scalars
        .map(|argument| evaluator.scalar(argument, time))
        .collect()
}

fn of_type(arguments: &[Box<Expr>], wanted: ValueType) -> Result<&Expr, Error> {
    let found = arguments
        .iter()
        .find(|argument| argument.value_type() == wanted);
    found
        .map(|argument| &**argument)
        .ok_or_else(|| Error::Argument(format!("an argument of type {wanted} is missing")))
}

fn each(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
    function: impl Fn(f64, &[f64]) -> Option<f64>,
) -> Result<Value, Error> {
    let numbers = numbers(evaluator, arguments, time)?;
    let samples = evaluator.vector(of_type(arguments, ValueType::Vector)?, time)?;
    let results = samples.into_iter().filter_map(|sample| {
        let value = function(sample.value, &numbers)?;
        Some(Sample {
            labels: sample.labels.without_metric(),
            value,
        })
    });
    unique(results.collect()).map(Value::Vector)
}

fn range(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
    function: fn(&Stretch<'_>) -> Option<f64>,
    metric: MetricName,
) -> Result<Value, Error> {
    let numbers = numbers(evaluator, arguments, time)?;
    let argument = of_type(arguments, ValueType::Matrix)?;
    let results = evaluator.with_range(argument, time, |range| {
        let (from, to) = (range.from, range.to);
        let results = range.series.iter().filter_map(|series| {
            let points = series.points.as_slice();
            let value = function(&Stretch {
                points,
                from,
                to,
                now: time,
                numbers: &numbers,
            })?;
            let labels = match metric {
                MetricName::Dropped => series.labels.without_metric(),
                MetricName::Kept => series.labels.clone(),
            };
            Some(Sample { labels, value })
        });
        Ok(results.collect())
    })?;
    unique(results).map(Value::Vector)
}
