//! The strict reading of an object: unknown fields, wrong types, missing fields.

use base64::Engine as _;
use serde_json::{Map, Value};

use crate::cause::Cause;
use crate::fact::Shape;
use crate::path::Path;
use crate::quantity;
use crate::structure::{Structure, Type};

/// What a strict reading finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The paths of the fields that the kind does not have; they have been dropped from the object.
    /// Upstream's words for each: `unknown field "spec.replica"`.
    pub unknown: Vec<String>,
    /// Values of the wrong type (a bad request upstream). Of custom kinds, [`crate::custom::validate`]
    /// tells them instead.
    pub mistyped: Vec<Cause>,
}

impl Report {
    /// What upstream says of a body that is refused for its unknown and repeated fields.
    pub fn strict_error(&self, duplicates: &[String]) -> Option<String> {
        let unknown = self
            .unknown
            .iter()
            .map(|path| format!("unknown field {path:?}"));
        let repeated = duplicates
            .iter()
            .map(|path| format!("duplicate field {path:?}"));
        let parts: Vec<String> = unknown.chain(repeated).collect();
        (!parts.is_empty()).then(|| format!("strict decoding error: {}", parts.join(", ")))
    }
}

/// Reads `object` as `kind` would be read: drops unknown fields and, of built-in kinds, fields that are
/// null; turns amounts given as numbers into text. What was dropped and what does not fit is reported.
///
/// # Guarantees
/// After a report without `mistyped`, a built-in object decodes into its typed form.
pub fn check(object: &mut Value, kind: &Type) -> Report {
    let mut report = Report::default();
    walk(object, kind.structure(), &mut Path::root(), &mut report);
    report
}

/// Removes the fields that `structure` does not have, and returns their paths.
pub fn prune(value: &mut Value, structure: Structure<'_>, path: &str) -> Vec<String> {
    let mut report = Report::default();
    walk(value, structure, &mut Path::of(path), &mut report);
    report.unknown
}

/// The required fields that are missing from a built-in object. (Custom kinds:
/// [`crate::custom::validate`].) Lists, which upstream reads as empty, and the status are not asked for.
pub fn missing(object: &Value, kind: &Type) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let (Type::BuiltIn(_), Value::Object(map)) = (kind, object) {
        for (name, value) in map.iter().filter(|(name, _)| *name != "status") {
            if let Some(inner) = kind.structure().field(name) {
                find_missing(value, inner, &mut Path::of(name), &mut causes);
            }
        }
    }
    causes
}

fn find_missing(value: &Value, structure: Structure<'_>, path: &mut Path, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(map) => {
            for name in structure.required() {
                let list = structure.field(name).is_some_and(Structure::is_list);
                if !list && map.get(name).is_none_or(Value::is_null) {
                    causes.push(Cause::required(path.field(name), ""));
                }
            }
            for (name, value) in map {
                if let Some(inner) = structure.field(name) {
                    path.with_field(name, |path| find_missing(value, inner, path, causes));
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.with_index(index, |path| {
                    find_missing(item, structure.items(), path, causes);
                });
            }
        }
        _ => {}
    }
}

fn walk(value: &mut Value, structure: Structure<'_>, path: &mut Path, report: &mut Report) {
    match structure {
        Structure::Unknown => {}
        Structure::Custom { .. } => walk_custom(value, structure, path, report),
        Structure::BuiltIn { shape, .. } => walk_built_in(value, shape, structure, path, report),
    }
}

fn walk_custom(value: &mut Value, structure: Structure<'_>, path: &mut Path, report: &mut Report) {
    match value {
        Value::Object(map) => walk_fields(map, structure, path, report),
        Value::Array(items) => walk_items(items, structure, path, report),
        Value::Number(number) if structure.is_integer() => {
            if let Some(whole) = whole(number) {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
}

fn walk_fields(
    map: &mut Map<String, Value>,
    structure: Structure<'_>,
    path: &mut Path,
    report: &mut Report,
) {
    let unknown_before = report.unknown.len();
    for (name, value) in map.iter_mut() {
        if let Some(inner) = structure.field(name) {
            path.with_field(name, |path| walk(value, inner, path, report));
        } else {
            report.unknown.push(path.field(name).into());
            // Marks the field for removal below; the walk itself cannot remove.
            *value = Value::Null;
        }
    }
    if report.unknown.len() > unknown_before {
        map.retain(|name, _| structure.field(name).is_some());
    }
}

fn walk_items(items: &mut [Value], structure: Structure<'_>, path: &mut Path, report: &mut Report) {
    for (index, item) in items.iter_mut().enumerate() {
        path.with_index(index, |path| walk(item, structure.items(), path, report));
    }
}

fn walk_built_in(
    value: &mut Value,
    shape: Shape,
    structure: Structure<'_>,
    path: &mut Path,
    report: &mut Report,
) {
    match (shape, &mut *value) {
        (Shape::Any, _) => return,
        (Shape::Object(_), Value::Object(map)) => {
            map.retain(|_, value| !value.is_null());
            walk_fields(map, structure, path, report);
            return;
        }
        (Shape::Map(values), Value::Object(map)) => {
            let text = matches!(values, Shape::Text | Shape::Bytes);
            for value in map.values_mut().filter(|value| text && value.is_null()) {
                *value = Value::String(String::new());
            }
            walk_fields(map, structure, path, report);
            return;
        }
        (Shape::Array(_), Value::Array(items)) => {
            walk_items(items, structure, path, report);
            return;
        }
        (Shape::Quantity, Value::Number(number)) => *value = Value::String(number.to_string()),
        (Shape::Int32 | Shape::Int64, Value::Number(number)) => {
            if let Some(whole) = whole(number) {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
    if let Some(expected) = misfit(value, shape) {
        let found = type_name(value);
        let detail = format!("must be {expected}, not {found}");
        let detail = if expected.starts_with("must") {
            expected.to_owned()
        } else {
            detail
        };
        report
            .mistyped
            .push(Cause::mistyped(&*path, value, &detail));
    }
}

/// The integer that a number such as `3.0` is.
fn whole(number: &serde_json::Number) -> Option<i64> {
    if number.is_i64() || number.is_u64() {
        return number.as_i64();
    }
    let value = number.as_f64()?;
    (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
}

/// What `value` must be, if it is not that.
fn misfit(value: &Value, shape: Shape) -> Option<&'static str> {
    let (fits, expected) = match shape {
        Shape::Text => (value.is_string(), "a string"),
        Shape::Boolean => (value.is_boolean(), "true or false"),
        Shape::Int32 => (
            value
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
            "a 32-bit integer",
        ),
        Shape::Int64 => (value.is_i64(), "an integer"),
        Shape::Number => (value.is_number(), "a number"),
        Shape::Bytes => match value.as_str() {
            Some(text) => (is_base64(text), "must be base64"),
            None => (false, "base64 text"),
        },
        Shape::Quantity => match value.as_str() {
            Some(text) => (quantity::is_valid(text), quantity::EXPECTED),
            None => (false, "an amount, such as 500m or 1Gi"),
        },
        Shape::IntOrString => (
            value.is_string() || value.is_i64(),
            "an integer or a string",
        ),
        Shape::Time | Shape::MicroTime => match value.as_str() {
            Some(text) => (
                text.parse::<jiff::Timestamp>().is_ok(),
                "must be a time as in RFC 3339",
            ),
            None => (false, "a time, as text"),
        },
        Shape::Array(_) => (value.is_array(), "a list"),
        Shape::Object(_) | Shape::Map(_) => (value.is_object(), "an object"),
        Shape::Any => (true, ""),
    };
    (!fits).then_some(expected)
}

fn is_base64(text: &str) -> bool {
    let bare: String = text
        .chars()
        .filter(|letter| !matches!(letter, '\n' | '\r'))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(bare)
        .is_ok()
}

/// A value's type in words.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
