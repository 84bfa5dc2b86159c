//! Times and dates, in UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use promql_parser::parser::Expr as Node;

use super::{Error, Evaluator, Expr, Function, Sample, Value};
use crate::labels::Labels;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "day_of_month",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.day()))),
    ),
    (
        "day_of_week",
        Function::Whole(|e, a, t| {
            of_date(e, a, t, |moment| {
                f64::from(moment.weekday().to_sunday_zero_offset())
            })
        }),
    ),
    (
        "day_of_year",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.day_of_year()))),
    ),
    (
        "days_in_month",
        Function::Whole(|e, a, t| {
            of_date(e, a, t, |moment| {
                f64::from(Date::days_in_month(moment.date()))
            })
        }),
    ),
    (
        "hour",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.hour()))),
    ),
    (
        "minute",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.minute()))),
    ),
    (
        "month",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.month()))),
    ),
    (
        "time",
        Function::Whole(|_, _, time| Ok(Value::Scalar(time as f64 / 1000.0))),
    ),
    ("timestamp", Function::Whole(timestamp)),
    (
        "year",
        Function::Whole(|e, a, t| of_date(e, a, t, |moment| f64::from(moment.year()))),
    ),
];

/// Applies a function to each value as seconds since 1970, or to the time of evaluation.
fn of_date(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
    part: fn(jiff::civil::DateTime) -> f64,
) -> Result<Value, Error> {
    let samples = match arguments.first() {
        Some(argument) => evaluator.vector(argument, time)?,
        None => vec![Sample {
            labels: Labels::default(),
            value: time as f64 / 1000.0,
        }],
    };
    let results = samples.into_iter().map(|sample| Sample {
        labels: sample.labels.without_metric(),
        value: moment(sample.value).map_or(f64::NAN, part),
    });
    super::unique(results.collect()).map(Value::Vector)
}

fn moment(seconds: f64) -> Option<jiff::civil::DateTime> {
    if !seconds.is_finite() {
        return None;
    }
    let moment = Timestamp::from_second(seconds.floor() as i64).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).datetime())
}

/// The time of each sample: of a selector's own sample, of anything else the time of evaluation.
fn timestamp(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    let mut argument = &*arguments[0];
    while let Node::Paren(paren) = argument {
        argument = &paren.expr;
    }
    let samples = match argument {
        Node::VectorSelector(selector) => evaluator.latest(selector, time)?,
        other => evaluator
            .vector(other, time)?
            .into_iter()
            .map(|sample| (sample, time))
            .collect(),
    };
    let results = samples.into_iter().map(|(sample, time)| Sample {
        labels: sample.labels.without_metric(),
        value: time as f64 / 1000.0,
    });
    super::unique(results.collect()).map(Value::Vector)
}
