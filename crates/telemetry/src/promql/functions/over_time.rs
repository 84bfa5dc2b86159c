//! One number from the points of a range: `avg_over_time` and its like.

use super::statistics::{greatest, kahan_sum, least, mean, quantile, variance};
use super::{Function, MetricName, Stretch};

use MetricName::{Dropped, Kept};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "avg_over_time",
        Function::Range(|stretch| Some(mean(&values(stretch))), Dropped),
    ),
    (
        "count_over_time",
        Function::Range(|stretch| Some(stretch.points.len() as f64), Dropped),
    ),
    (
        "first_over_time",
        Function::Range(
            |stretch| stretch.points.first().map(|point| point.value),
            Kept,
        ),
    ),
    (
        "last_over_time",
        Function::Range(
            |stretch| stretch.points.last().map(|point| point.value),
            Kept,
        ),
    ),
    (
        "max_over_time",
        Function::Range(|stretch| Some(greatest(&values(stretch))), Dropped),
    ),
    (
        "min_over_time",
        Function::Range(|stretch| Some(least(&values(stretch))), Dropped),
    ),
    ("present_over_time", Function::Range(|_| Some(1.0), Dropped)),
    (
        "quantile_over_time",
        Function::Range(
            |stretch| Some(quantile(stretch.number(), &values(stretch))),
            Dropped,
        ),
    ),
    (
        "stddev_over_time",
        Function::Range(|stretch| Some(variance(&values(stretch)).sqrt()), Dropped),
    ),
    (
        "stdvar_over_time",
        Function::Range(|stretch| Some(variance(&values(stretch))), Dropped),
    ),
    (
        "sum_over_time",
        Function::Range(|stretch| Some(kahan_sum(stretch.values())), Dropped),
    ),
];

fn values(stretch: &Stretch<'_>) -> Vec<f64> {
    stretch.values().collect()
}
