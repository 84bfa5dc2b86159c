//! Whether anything is there.

use promql_parser::parser::{Expr as Node, VectorSelector};

use super::{Error, Evaluator, Expr, Function, Sample, Value};
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::Matcher;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("absent", Function::Whole(absent)),
    ("absent_over_time", Function::Whole(absent_over_time)),
];

fn absent(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    let samples = evaluator.vector(&arguments[0], time)?;
    Ok(Value::Vector(if samples.is_empty() {
        one(&arguments[0])
    } else {
        Vec::new()
    }))
}

fn absent_over_time(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
) -> Result<Value, Error> {
    let nothing = evaluator.with_range(&arguments[0], time, |range| Ok(range.series.is_empty()))?;
    Ok(Value::Vector(if nothing {
        one(&arguments[0])
    } else {
        Vec::new()
    }))
}

fn one(argument: &Expr) -> Vec<Sample> {
    let labels = match argument {
        Node::VectorSelector(selector) => asked_for(selector),
        Node::MatrixSelector(matrix) => asked_for(&matrix.vs),
        _ => Labels::default(),
    };
    vec![Sample { labels, value: 1.0 }]
}

/// The labels that the missing series would certainly have had: those asked for by `=`, unless
/// asked for twice.
fn asked_for(selector: &VectorSelector) -> Labels {
    let matchers = Matcher::of(selector);
    let times = |name: &str| {
        matchers
            .iter()
            .filter(|matcher| matcher.name() == name)
            .count()
    };
    let exact = matchers.iter().filter_map(Matcher::exact);
    Labels::new(exact.filter(|(name, _)| *name != METRIC_NAME && times(name) == 1))
}
