//! Straight lines through gauges.

use super::{Function, MetricName, Stretch};
use crate::store::Point;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("deriv", Function::Range(deriv, MetricName::Dropped)),
    (
        "predict_linear",
        Function::Range(predict, MetricName::Dropped),
    ),
];

fn deriv(stretch: &Stretch<'_>) -> Option<f64> {
    let [first, _, ..] = stretch.points else {
        return None;
    };
    Some(line(stretch.points, first.time).0)
}

fn predict(stretch: &Stretch<'_>) -> Option<f64> {
    if stretch.points.len() < 2 {
        return None;
    }
    let (slope, intercept) = line(stretch.points, stretch.now);
    Some(slope * stretch.number() + intercept)
}

/// Slope per second and value at `origin` of the line with the least squared distance.
fn line(points: &[Point], origin: i64) -> (f64, f64) {
    let first = points[0].value;
    if points.iter().all(|point| point.value == first) {
        return if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
    }
    let count = points.len() as f64;
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) = (0.0, 0.0, 0.0, 0.0);
    for point in points {
        let x = (point.time - origin) as f64 / 1000.0;
        sum_x += x;
        sum_y += point.value;
        sum_xy += x * point.value;
        sum_xx += x * x;
    }
    let slope = (sum_xy - sum_x * sum_y / count) / (sum_xx - sum_x * sum_x / count);
    (slope, sum_y / count - slope * sum_x / count)
}
