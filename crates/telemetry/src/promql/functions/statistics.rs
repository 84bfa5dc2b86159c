//! Numbers from numbers: sums, means, quantiles.

use std::cmp::Ordering;

/// The sum with Neumaier's compensation, so that the order of series does not show in the result.
pub(in crate::promql) fn kahan_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let total = sum + value;
        if total.is_infinite() {
            lost = 0.0;
        } else if sum.abs() >= value.abs() {
            lost += (sum - total) + value;
        } else {
            lost += (value - total) + sum;
        }
        sum = total;
    }
    sum + lost
}

/// The mean; no number if there is no value.
pub(in crate::promql) fn mean(values: &[f64]) -> f64 {
    kahan_sum(values.iter().copied()) / values.len() as f64
}

/// The population variance.
pub(in crate::promql) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    kahan_sum(values.iter().map(|value| (value - mean).powi(2))) / values.len() as f64
}

/// The least value; what is no number gives way to any number.
pub(in crate::promql) fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// The greatest value; what is no number gives way to any number.
pub(in crate::promql) fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

/// The quantile by linear interpolation between the two nearest values.
pub(in crate::promql) fn quantile(rank: f64, values: &[f64]) -> f64 {
    if values.is_empty() || rank.is_nan() {
        return f64::NAN;
    }
    if rank < 0.0 {
        return f64::NEG_INFINITY;
    }
    if rank > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted = values.to_vec();
    // What is no number counts as the least.
    sorted.sort_by(|left, right| {
        let by_number = right.is_nan().cmp(&left.is_nan());
        by_number.then(left.partial_cmp(right).unwrap_or(Ordering::Equal))
    });
    let position = rank * (sorted.len() - 1) as f64;
    let lower = position.floor() as usize;
    let upper = (lower + 1).min(sorted.len() - 1);
    let weight = position - position.floor();
    sorted[lower] * (1.0 - weight) + sorted[upper] * weight
}
