//! Scalars to vectors, vectors to scalars, and order.

use std::cmp::Ordering;

use super::{Error, Evaluator, Expr, Function, Sample, Value};
use crate::labels::Labels;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("scalar", Function::Whole(scalar)),
    (
        "sort",
        Function::Whole(|e, a, t| sort(e, a, t, |left, right| left.partial_cmp(&right))),
    ),
    (
        "sort_desc",
        Function::Whole(|e, a, t| sort(e, a, t, |left, right| right.partial_cmp(&left))),
    ),
    ("vector", Function::Whole(vector)),
];

fn scalar(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    match evaluator.vector(&arguments[0], time)?.as_slice() {
        [only] => Ok(Value::Scalar(only.value)),
        _ => Ok(Value::Scalar(f64::NAN)),
    }
}

fn vector(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    let value = evaluator.scalar(&arguments[0], time)?;
    Ok(Value::Vector(vec![Sample {
        labels: Labels::default(),
        value,
    }]))
}

/// What is no number comes last either way.
fn sort(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
    order: fn(f64, f64) -> Option<Ordering>,
) -> Result<Value, Error> {
    let mut samples = evaluator.vector(&arguments[0], time)?;
    samples.sort_by(|left, right| {
        let by_number = left.value.is_nan().cmp(&right.value.is_nan());
        by_number.then(order(left.value, right.value).unwrap_or(Ordering::Equal))
    });
    Ok(Value::Vector(samples))
}
