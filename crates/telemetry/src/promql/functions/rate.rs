//! How fast counters grow and gauges move.

use super::{Function, MetricName, Stretch};
use crate::store::Point;

use MetricName::Dropped;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("changes", Function::Range(changes, Dropped)),
    (
        "delta",
        Function::Range(|stretch| extrapolated(stretch, Kind::Gauge), Dropped),
    ),
    ("idelta", Function::Range(idelta, Dropped)),
    (
        "increase",
        Function::Range(|stretch| extrapolated(stretch, Kind::Counter), Dropped),
    ),
    ("irate", Function::Range(irate, Dropped)),
    ("rate", Function::Range(rate, Dropped)),
    ("resets", Function::Range(resets, Dropped)),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Only grows, or starts again at zero.
    Counter,
    Gauge,
}

fn rate(stretch: &Stretch<'_>) -> Option<f64> {
    let seconds = (stretch.to - stretch.from) as f64 / 1000.0;
    extrapolated(stretch, Kind::Counter).map(|increase| increase / seconds)
}

/// The growth over the whole range, extrapolated from the samples in it.
///
/// As Prometheus does it: if the samples reach to within 1.1 sample intervals of an end of the range,
/// the growth is continued to that end, else by half an interval. A counter is not continued
/// below zero.
fn extrapolated(stretch: &Stretch<'_>, kind: Kind) -> Option<f64> {
    let [first, .., last] = stretch.points else {
        return None;
    };
    let mut growth = last.value - first.value;
    if kind == Kind::Counter {
        growth += lost_at_resets(stretch.points);
    }
    let sampled = seconds(first.time, last.time);
    let interval = sampled / (stretch.points.len() - 1) as f64;
    let mut to_start = seconds(stretch.from, first.time);
    let mut to_end = seconds(last.time, stretch.to);
    let near = interval * 1.1;
    if to_start >= near {
        to_start = interval / 2.0;
    }
    if kind == Kind::Counter && growth > 0.0 && first.value >= 0.0 {
        to_start = to_start.min(sampled * (first.value / growth));
    }
    if to_end >= near {
        to_end = interval / 2.0;
    }
    Some(growth * ((sampled + to_start + to_end) / sampled))
}

fn seconds(from: i64, to: i64) -> f64 {
    (to - from) as f64 / 1000.0
}

/// What a counter had counted each time it started again.
fn lost_at_resets(points: &[Point]) -> f64 {
    let pairs = points
        .windows(2)
        .filter(|pair| pair[1].value < pair[0].value);
    pairs.map(|pair| pair[0].value).sum()
}

fn last_two<'a>(stretch: &Stretch<'a>) -> Option<(&'a Point, &'a Point)> {
    match stretch.points {
        [.., before, last] => Some((before, last)),
        _ => None,
    }
}

fn irate(stretch: &Stretch<'_>) -> Option<f64> {
    let (before, last) = last_two(stretch)?;
    let growth = if last.value < before.value {
        last.value
    } else {
        last.value - before.value
    };
    Some(growth / seconds(before.time, last.time))
}

fn idelta(stretch: &Stretch<'_>) -> Option<f64> {
    last_two(stretch).map(|(before, last)| last.value - before.value)
}

fn resets(stretch: &Stretch<'_>) -> Option<f64> {
    let fell = |pair: &&[Point]| pair[1].value < pair[0].value;
    Some(stretch.points.windows(2).filter(fell).count() as f64)
}

fn changes(stretch: &Stretch<'_>) -> Option<f64> {
    let changed = |pair: &&[Point]| {
        let (before, after) = (pair[0].value, pair[1].value);
        !(before == after || (before.is_nan() && after.is_nan()))
    };
    Some(stretch.points.windows(2).filter(changed).count() as f64)
}
