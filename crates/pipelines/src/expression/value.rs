//! How values become numbers, strings and truth, and how they compare.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// A JSON number that prints without a fraction where it has none.
pub(crate) fn from_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or_else(|| Value::String(number_text(number)), Value::Number)
}

/// A number as GitHub prints it: fifteen significant digits, no trailing zeros.
pub(crate) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// Reads decimal, hexadecimal (`0x`) and octal (`0o`) numbers.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let radix = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix).map(|digits| {
            i64::from_str_radix(digits, radix)
                .ok()
                .map(|number| number as f64)
        })
    };
    if let Some(parsed) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return parsed;
    }
    match text {
        "" => Some(0.0),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || ['+', '-', '.'].contains(&c)) => {
            text.parse().ok().filter(|number: &f64| number.is_finite())
        }
        _ => None,
    }
}

/// The number that a value stands for in a comparison; NaN where it stands for none.
pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => parse_number(text).unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// The string that a value becomes when it is put into text.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_text(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => text.clone(),
        Value::Array(_) => "Array".to_owned(),
        Value::Object(_) => "Object".to_owned(),
    }
}

/// Whether a value counts as true: everything but null, false, 0, NaN and the empty string.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// GitHub's loose equality. Lists and objects equal nothing, since each is an instance of its own.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    order(left, right) == Some(Ordering::Equal)
}

/// GitHub's loose order; `None` where the two cannot be ordered.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(fold(left).cmp(&fold(right))),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => number(left).partial_cmp(&number(right)),
    }
}

/// A string in the case in which strings are compared.
pub(super) fn fold(text: &str) -> String {
    text.to_uppercase()
}

/// Looks up a key of an object: exactly, then without case.
pub(super) fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(key).or_else(|| {
        object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, v)| v)
    })
}
