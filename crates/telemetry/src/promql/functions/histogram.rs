//! Quantiles of histograms that are kept as `_bucket` series with a label `le`.

use std::collections::BTreeMap;

use super::{Error, Evaluator, Expr, Function, Sample, Value};
use crate::labels::{Labels, METRIC_NAME};

pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("histogram_quantile", Function::Whole(histogram_quantile))];

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    bound: f64,
    /// How many observations were at most `bound`.
    count: f64,
}

fn histogram_quantile(
    evaluator: &Evaluator,
    arguments: &[Box<Expr>],
    time: i64,
) -> Result<Value, Error> {
    let rank = evaluator.scalar(&arguments[0], time)?;
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for sample in evaluator.vector(&arguments[1], time)? {
        // A series without a readable bound is no bucket.
        let Ok(bound) = sample.labels.get("le").parse() else {
            continue;
        };
        let labels = sample
            .labels
            .filter(|name| name != "le" && name != METRIC_NAME);
        histograms.entry(labels).or_default().push(Bucket {
            bound,
            count: sample.value,
        });
    }
    let quantiles = histograms.into_iter().map(|(labels, buckets)| Sample {
        labels,
        value: quantile(rank, buckets),
    });
    Ok(Value::Vector(quantiles.collect()))
}

/// Interpolates linearly within the bucket that the rank falls into, as Prometheus does: the lowest bucket
/// starts at zero, and the highest, which has no end, answers with its beginning.
fn quantile(rank: f64, buckets: Vec<Bucket>) -> f64 {
    if rank.is_nan() {
        return f64::NAN;
    }
    if rank < 0.0 {
        return f64::NEG_INFINITY;
    }
    if rank > 1.0 {
        return f64::INFINITY;
    }
    let buckets = tidy(buckets);
    match buckets.as_slice() {
        [_, .., last] if last.bound == f64::INFINITY => interpolate(rank, &buckets),
        _ => f64::NAN,
    }
}

fn interpolate(rank: f64, buckets: &[Bucket]) -> f64 {
    let top = buckets.len() - 1;
    let observations = buckets[top].count;
    if observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let mut wanted = rank * observations;
    let index = buckets[..top].partition_point(|bucket| bucket.count < wanted);
    if index == top {
        return buckets[top - 1].bound;
    }
    let bucket = buckets[index];
    if index == 0 && bucket.bound <= 0.0 {
        return bucket.bound;
    }
    let (mut start, mut count) = (0.0, bucket.count);
    if index > 0 {
        start = buckets[index - 1].bound;
        count -= buckets[index - 1].count;
        wanted -= buckets[index - 1].count;
    }
    start + (bucket.bound - start) * (wanted / count)
}

/// Orders buckets, adds up those of one bound, and lets no count be below the one before it, which
/// differences in the times of samples can cause.
fn tidy(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    buckets.sort_by(|left, right| left.bound.total_cmp(&right.bound));
    let mut tidied: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match tidied.last_mut() {
            Some(last) if last.bound == bucket.bound => last.count += bucket.count,
            _ => tidied.push(bucket),
        }
    }
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut tidied {
        most = most.max(bucket.count);
        bucket.count = most;
    }
    tidied
}
