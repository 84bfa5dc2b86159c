//! Binary operators on numbers; how vectors are matched is in [`super::matching`].

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB,
};
use promql_parser::parser::{BinModifier, BinaryExpr};

use super::error::Error;
use super::evaluator::{Evaluator, unique};
use super::matching;
use super::value::{Sample, Value};
use crate::labels::Labels;

/// What an operator does with two numbers.
#[derive(Clone, Copy)]
pub(super) enum Operator {
    /// Makes a number, under which the series has no metric name any more.
    Arithmetic(fn(f64, f64) -> f64),
    /// Keeps the left number where it holds.
    Comparison(fn(f64, f64) -> bool),
}

/// What a comparison gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The left value where it holds, nothing elsewhere.
    Filter,
    /// 1 or 0, by the modifier `bool`.
    Bool,
}

const OPERATORS: [(u16, Operator); 13] = [
    (T_ADD, Operator::Arithmetic(|left, right| left + right)),
    (T_SUB, Operator::Arithmetic(|left, right| left - right)),
    (T_MUL, Operator::Arithmetic(|left, right| left * right)),
    (T_DIV, Operator::Arithmetic(|left, right| left / right)),
    (T_MOD, Operator::Arithmetic(|left, right| left % right)),
    (T_POW, Operator::Arithmetic(f64::powf)),
    (T_ATAN2, Operator::Arithmetic(f64::atan2)),
    // Exact comparison is what the language means.
    (T_EQLC, Operator::Comparison(|left, right| left == right)),
    (T_NEQ, Operator::Comparison(|left, right| left != right)),
    (T_GTR, Operator::Comparison(|left, right| left > right)),
    (T_LSS, Operator::Comparison(|left, right| left < right)),
    (T_GTE, Operator::Comparison(|left, right| left >= right)),
    (T_LTE, Operator::Comparison(|left, right| left <= right)),
];

pub(super) fn evaluate(
    evaluator: &Evaluator,
    expr: &BinaryExpr,
    time: i64,
) -> Result<Value, Error> {
    let left = evaluator.evaluate(&expr.lhs, time)?;
    let right = evaluator.evaluate(&expr.rhs, time)?;
    let modifier = expr.modifier.clone().unwrap_or_default();
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(Error::Unsupported("the modifier fill".to_owned()));
    }
    if expr.op.is_set_operator() {
        return match (left, right) {
            (Value::Vector(left), Value::Vector(right)) => Ok(Value::Vector(matching::set(
                expr.op.id(),
                left,
                &right,
                &modifier,
            ))),
            _ => Err(Error::Argument(format!(
                "{} is only defined between vectors",
                expr.op
            ))),
        };
    }
    let known = OPERATORS.iter().find(|(token, _)| *token == expr.op.id());
    let Some((_, operator)) = known else {
        return Err(Error::Unsupported(format!("the operator {}", expr.op)));
    };
    apply(*operator, left, right, &modifier)
}

fn apply(
    operator: Operator,
    left: Value,
    right: Value,
    modifier: &BinModifier,
) -> Result<Value, Error> {
    let outcome = if modifier.return_bool {
        Outcome::Bool
    } else {
        Outcome::Filter
    };
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Ok(Value::Scalar(match operator {
            Operator::Arithmetic(compute) => compute(left, right),
            Operator::Comparison(holds) => f64::from(u8::from(holds(left, right))),
        })),
        (Value::Vector(samples), Value::Scalar(right)) => {
            let each = samples.into_iter().filter_map(|sample| {
                let value = compute(operator, outcome, sample.value, right)?;
                Some(Sample {
                    labels: result_labels(&sample.labels, operator, outcome),
                    value,
                })
            });
            unique(each.collect()).map(Value::Vector)
        }
        (Value::Scalar(left), Value::Vector(samples)) => {
            let each = samples.into_iter().filter_map(|sample| {
                let value = compute(operator, outcome, left, sample.value)?;
                // A comparison keeps the vector's value, on whichever side it stands.
                let keeps = matches!(
                    (operator, outcome),
                    (Operator::Comparison(_), Outcome::Filter)
                );
                let value = if keeps { sample.value } else { value };
                Some(Sample {
                    labels: result_labels(&sample.labels, operator, outcome),
                    value,
                })
            });
            unique(each.collect()).map(Value::Vector)
        }
        (Value::Vector(left), Value::Vector(right)) => {
            let compute = |left, right| compute(operator, outcome, left, right);
            let strip = |labels: &Labels| result_labels(labels, operator, outcome);
            matching::pair(left, right, modifier, &compute, &strip).map(Value::Vector)
        }
        _ => Err(Error::Argument(
            "binary expression must contain only scalar and instant vector types".to_owned(),
        )),
    }
}

fn compute(operator: Operator, outcome: Outcome, left: f64, right: f64) -> Option<f64> {
    match (operator, outcome) {
        (Operator::Arithmetic(compute), _) => Some(compute(left, right)),
        (Operator::Comparison(holds), Outcome::Bool) => {
            Some(f64::from(u8::from(holds(left, right))))
        }
        (Operator::Comparison(holds), Outcome::Filter) => holds(left, right).then_some(left),
    }
}

/// A computed number is another metric than the one it came from; a filtered one is the same.
fn result_labels(labels: &Labels, operator: Operator, outcome: Outcome) -> Labels {
    match (operator, outcome) {
        (Operator::Comparison(_), Outcome::Filter) => labels.clone(),
        _ => labels.without_metric(),
    }
}
