//! Functions of single numbers.

use super::{Error, Evaluator, Expr, Function, Value};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::Each(f64::abs)),
    ("acos", Function::Each(f64::acos)),
    ("acosh", Function::Each(f64::acosh)),
    ("asin", Function::Each(f64::asin)),
    ("asinh", Function::Each(f64::asinh)),
    ("atan", Function::Each(f64::atan)),
    ("atanh", Function::Each(f64::atanh)),
    ("ceil", Function::Each(f64::ceil)),
    ("clamp", Function::EachWith(clamp)),
    (
        "clamp_max",
        Function::EachWith(|value, numbers| Some(upper(value, numbers[0]))),
    ),
    (
        "clamp_min",
        Function::EachWith(|value, numbers| Some(lower(value, numbers[0]))),
    ),
    ("cos", Function::Each(f64::cos)),
    ("cosh", Function::Each(f64::cosh)),
    ("deg", Function::Each(f64::to_degrees)),
    ("exp", Function::Each(f64::exp)),
    ("floor", Function::Each(f64::floor)),
    ("ln", Function::Each(f64::ln)),
    ("log10", Function::Each(f64::log10)),
    ("log2", Function::Each(f64::log2)),
    ("pi", Function::Whole(pi)),
    ("rad", Function::Each(f64::to_radians)),
    ("round", Function::EachWith(round)),
    ("sgn", Function::Each(sign)),
    ("sin", Function::Each(f64::sin)),
    ("sinh", Function::Each(f64::sinh)),
    ("sqrt", Function::Each(f64::sqrt)),
    ("tan", Function::Each(f64::tan)),
    ("tanh", Function::Each(f64::tanh)),
];

fn pi(_: &Evaluator, _: &[Box<Expr>], _: i64) -> Result<Value, Error> {
    Ok(Value::Scalar(std::f64::consts::PI))
}

/// Unlike `f64::min`, gives no number if either is none, as upstream.
fn upper(value: f64, most: f64) -> f64 {
    if value.is_nan() || most.is_nan() {
        f64::NAN
    } else {
        value.min(most)
    }
}

fn lower(value: f64, least: f64) -> f64 {
    if value.is_nan() || least.is_nan() {
        f64::NAN
    } else {
        value.max(least)
    }
}

/// Bounds that exclude each other give an empty vector.
fn clamp(value: f64, numbers: &[f64]) -> Option<f64> {
    let (least, most) = (numbers[0], numbers[1]);
    (most >= least || least.is_nan() || most.is_nan()).then(|| lower(upper(value, most), least))
}

/// Rounds to the nearest multiple, halves up. Multiplying by the inverse is upstream's way to keep
/// `round(x, 0.1)` free of noise.
fn round(value: f64, numbers: &[f64]) -> Option<f64> {
    let inverse = 1.0 / numbers.first().copied().unwrap_or(1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}
