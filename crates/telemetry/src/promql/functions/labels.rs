//! Functions that rewrite labels.

use regex::Regex;

use super::{Error, Evaluator, Expr, Function, Sample, Value};
use crate::labels::{METRIC_NAME, is_label_name};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("label_join", Function::Whole(join)),
    ("label_replace", Function::Whole(replace)),
];

fn replace(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    let text = |index: usize| evaluator.text(&arguments[index], time);
    let (target, template, source, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
    check_label("label_replace", "destination", &target)?;
    let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
        Error::Argument(format!(
            "invalid regular expression in label_replace(): {pattern}: {reason}"
        ))
    })?;
    let rewrite = |sample: Sample| {
        let Some(captures) = regex.captures(sample.labels.get(&source)) else {
            return sample;
        };
        let mut value = String::new();
        captures.expand(&template, &mut value);
        Sample {
            labels: sample.labels.with(&target, &value),
            value: sample.value,
        }
    };
    let samples = evaluator.vector(&arguments[0], time)?;
    super::unique(samples.into_iter().map(rewrite).collect()).map(Value::Vector)
}

fn join(evaluator: &Evaluator, arguments: &[Box<Expr>], time: i64) -> Result<Value, Error> {
    let text = |argument: &Expr| evaluator.text(argument, time);
    let (target, separator) = (text(&arguments[1])?, text(&arguments[2])?);
    check_label("label_join", "destination", &target)?;
    let sources = arguments[3..]
        .iter()
        .map(|argument| text(argument))
        .collect::<Result<Vec<_>, _>>()?;
    for source in &sources {
        check_label("label_join", "source", source)?;
    }
    let rewrite = |sample: Sample| {
        let values: Vec<&str> = sources
            .iter()
            .map(|source| sample.labels.get(source))
            .collect();
        Sample {
            labels: sample.labels.with(&target, &values.join(&separator)),
            value: sample.value,
        }
    };
    let samples = evaluator.vector(&arguments[0], time)?;
    super::unique(samples.into_iter().map(rewrite).collect()).map(Value::Vector)
}

fn check_label(function: &str, role: &str, name: &str) -> Result<(), Error> {
    if is_label_name(name) || name == METRIC_NAME {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "invalid {role} label name in {function}(): {name:?}"
    )))
}
