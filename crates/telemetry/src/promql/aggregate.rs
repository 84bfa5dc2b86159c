//! Aggregations: `sum by (...)`, `topk`, `quantile` and their like.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV,
    T_STDVAR, T_SUM, T_TOPK,
};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::error::Error;
use super::evaluator::Evaluator;
use super::functions::statistics::{self, kahan_sum, quantile, variance};
use super::value::{Sample, Value};
use crate::labels::{Labels, METRIC_NAME, is_label_name};

type Reduction = fn(&[f64]) -> f64;

/// Aggregations to one number per group, by token.
const REDUCTIONS: [(u16, Reduction); 8] = [
    (T_SUM, |values| kahan_sum(values.iter().copied())),
    (T_AVG, statistics::mean),
    (T_MIN, statistics::least),
    (T_MAX, statistics::greatest),
    (T_COUNT, |values| values.len() as f64),
    (T_GROUP, |_| 1.0),
    (T_STDVAR, variance),
    (T_STDDEV, |values| variance(values).sqrt()),
];

/// The samples of each group, by the group's labels.
type Groups = BTreeMap<Labels, Vec<Sample>>;

pub(super) fn evaluate(
    evaluator: &Evaluator,
    aggregation: &AggregateExpr,
    time: i64,
) -> Result<Value, Error> {
    let samples = evaluator.vector(&aggregation.expr, time)?;
    let groups = group(samples, aggregation.modifier.as_ref());
    let parameter = aggregation.param.as_deref();
    let number = || parameter.map_or(Ok(f64::NAN), |expr| evaluator.scalar(expr, time));
    let text = || parameter.map_or(Ok(String::new()), |expr| evaluator.text(expr, time));
    let token = aggregation.op.id();
    if let Some((_, reduce)) = REDUCTIONS.iter().find(|(known, _)| *known == token) {
        return Ok(Value::Vector(reduce_all(groups, reduce)));
    }
    let samples = match token {
        T_QUANTILE => {
            let rank = number()?;
            reduce_all(groups, |values| quantile(rank, values))
        }
        T_TOPK => select(groups, number()?, |left, right| compare(right, left))?,
        T_BOTTOMK => select(groups, number()?, compare)?,
        T_COUNT_VALUES => count_values(groups, &text()?)?,
        _ => {
            return Err(Error::Unsupported(format!(
                "the aggregation {}",
                aggregation.op
            )));
        }
    };
    Ok(Value::Vector(samples))
}

fn group(samples: Vec<Sample>, modifier: Option<&LabelModifier>) -> Groups {
    let mut groups = Groups::new();
    for sample in samples {
        let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
        let labels = match modifier {
            None => Labels::default(),
            Some(LabelModifier::Include(by)) => sample.labels.filter(|name| has(&by.labels, name)),
            Some(LabelModifier::Exclude(without)) => sample
                .labels
                .filter(|name| name != METRIC_NAME && !has(&without.labels, name)),
        };
        groups.entry(labels).or_default().push(sample);
    }
    groups
}

fn reduce_all(groups: Groups, reduce: impl Fn(&[f64]) -> f64) -> Vec<Sample> {
    let reduce = |(labels, samples): (Labels, Vec<Sample>)| {
        let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        Sample {
            labels,
            value: reduce(&values),
        }
    };
    groups.into_iter().map(reduce).collect()
}

/// Ascending, with what is no number at the end; the reverse puts it at the end too, see [`select`].
fn compare(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

/// The first `count` of each group in the order given; what is no number comes last.
fn select(
    groups: Groups,
    count: f64,
    order: impl Fn(f64, f64) -> Ordering,
) -> Result<Vec<Sample>, Error> {
    if count.is_nan() {
        return Err(Error::Argument("parameter value is NaN".to_owned()));
    }
    let count = if count < 1.0 {
        0
    } else {
        count.min(1e9) as usize
    };
    let mut selected = Vec::new();
    for mut samples in groups.into_values() {
        samples.sort_by(|left, right| {
            let by_number = left.value.is_nan().cmp(&right.value.is_nan());
            by_number.then_with(|| order(left.value, right.value))
        });
        samples.truncate(count);
        selected.append(&mut samples);
    }
    Ok(selected)
}

fn count_values(groups: Groups, label: &str) -> Result<Vec<Sample>, Error> {
    if !is_label_name(label) {
        return Err(Error::Argument(format!("invalid label name {label:?}")));
    }
    let mut counts: BTreeMap<Labels, f64> = BTreeMap::new();
    for (labels, samples) in groups {
        for sample in samples {
            let value = crate::format::number(sample.value);
            *counts.entry(labels.with(label, &value)).or_default() += 1.0;
        }
    }
    Ok(counts
        .into_iter()
        .map(|(labels, value)| Sample { labels, value })
        .collect())
}
