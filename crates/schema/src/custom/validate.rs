//! Validation of custom objects, in upstream's words.

use serde_json::Value;

use super::{Additional, Embedded, Kind, Limits, List, Node, Null, Schema, format};
use crate::cause::Cause;
use crate::path::Path;

/// What is wrong with an object that has been pruned and defaulted. `metadata` is not looked at.
pub fn validate(object: &Value, schema: &Schema) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(object, schema.root(), &mut Path::root(), &mut causes);
    causes
}

fn check(value: &Value, node: &Node, path: &mut Path, causes: &mut Vec<Cause>) {
    if value.is_null() && node.null == Null::Allowed {
        return;
    }
    if !fits(value, node.kind) {
        let detail = format!(
            "{path} in body must be of type {}: {:?}",
            type_name(node.kind),
            json_type(value)
        );
        let shown = Value::String(json_type(value).to_owned());
        causes.push(Cause::mistyped(&*path, &shown, &detail));
        return;
    }
    check_choices(value, node, path, causes);
    match value {
        Value::String(text) => check_text(text, value, node, path, causes),
        Value::Number(_) => check_number(value, node, path, causes),
        Value::Array(items) => check_items(items, node, path, causes),
        Value::Object(_) => check_object(value, node, path, causes),
        _ => {}
    }
    check_combinations(value, node, path, causes);
}

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::Text => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Number => value.is_number(),
        Kind::Integer => is_integer(value),
        Kind::IntOrString => value.is_string() || is_integer(value),
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "any",
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::Text => "string",
        Kind::Boolean => "boolean",
        Kind::Number => "number",
        Kind::Integer => "integer",
        Kind::IntOrString => "integer,string",
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_choices(value: &Value, node: &Node, path: &Path, causes: &mut Vec<Cause>) {
    if node.choices.is_empty() || node.choices.contains(value) {
        return;
    }
    let choices: Vec<String> = node
        .choices
        .iter()
        .map(|choice| {
            choice
                .as_str()
                .map_or_else(|| choice.to_string(), str::to_owned)
        })
        .collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    causes.push(Cause::unsupported(path, value, &choices));
}

fn check_text(text: &str, value: &Value, node: &Node, path: &Path, causes: &mut Vec<Cause>) {
    let length = text.chars().count() as u64;
    if let Some(least) = node.length.least.filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        causes.push(Cause::invalid(path, value, &detail));
    }
    if let Some(most) = node.length.most.filter(|most| length > *most) {
        causes.push(Cause::too_long(path, most));
    }
    if let Some(pattern) = node
        .pattern
        .as_ref()
        .filter(|pattern| !pattern.is_match(text))
    {
        let detail = format!("{path} in body should match '{pattern}'");
        causes.push(Cause::invalid(path, value, &detail));
    }
    if let Some(name) = node
        .format
        .as_ref()
        .filter(|name| !format::fits(name, text))
    {
        let detail = format!("{path} in body must be of type {name}: {value}");
        causes.push(Cause::invalid(path, value, &detail));
    }
}

fn check_number(value: &Value, node: &Node, path: &Path, causes: &mut Vec<Cause>) {
    let Some(number) = value.as_f64() else { return };
    let mut wrong = |detail: String| causes.push(Cause::invalid(path, value, &detail));
    if let Some(bound) = node.minimum
        && (number < bound.value || (bound.exclusive && number <= bound.value))
    {
        let words = if bound.exclusive {
            "greater than"
        } else {
            "greater than or equal to"
        };
        wrong(format!("{path} in body should be {words} {}", bound.value));
    }
    if let Some(bound) = node.maximum
        && (number > bound.value || (bound.exclusive && number >= bound.value))
    {
        let words = if bound.exclusive {
            "less than"
        } else {
            "less than or equal to"
        };
        wrong(format!("{path} in body should be {words} {}", bound.value));
    }
    if let Some(step) = node.multiple_of.filter(|step| *step > 0.0) {
        let quotient = number / step;
        if (quotient - quotient.round()).abs() > 1e-9 {
            wrong(format!("{path} in body should be a multiple of {step}"));
        }
    }
    if node.format.as_deref() == Some("int32")
        && i32::try_from(value.as_i64().unwrap_or(i64::MAX)).is_err()
    {
        wrong(format!("{path} in body must be of type int32: {value}"));
    }
}

fn check_count(count: usize, limits: Limits, what: &str, path: &Path, causes: &mut Vec<Cause>) {
    let shown = Value::from(count);
    if let Some(least) = limits.least.filter(|least| (count as u64) < *least) {
        let detail = format!("{path} in body should have at least {least} {what}");
        causes.push(Cause::invalid(path, &shown, &detail));
    }
    if let Some(most) = limits.most.filter(|most| count as u64 > *most) {
        causes.push(Cause::too_many(path, count, most));
    }
}

fn check_items(items: &[Value], node: &Node, path: &mut Path, causes: &mut Vec<Cause>) {
    check_count(items.len(), node.count, "items", path, causes);
    if let Some(inner) = &node.items {
        for (index, item) in items.iter().enumerate() {
            path.with_index(index, |path| check(item, inner, path, causes));
        }
    }
    let mut seen: Vec<Value> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(identity) = identity(item, node) else {
            continue;
        };
        if seen.contains(&identity) {
            causes.push(Cause::duplicate(path.index(index), &identity));
        }
        seen.push(identity);
    }
}

/// What tells an item of a set or map list from the others.
fn identity(item: &Value, node: &Node) -> Option<Value> {
    match &node.list {
        List::Set => Some(item.clone()),
        List::Map(keys) => {
            let fields = keys
                .iter()
                .filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
            Some(Value::Object(fields.collect()))
        }
        List::Atomic => node.unique.then(|| item.clone()),
    }
}

fn check_object(value: &Value, node: &Node, path: &mut Path, causes: &mut Vec<Cause>) {
    let Value::Object(map) = value else { return };
    for name in &node.required {
        if !map.contains_key(name) {
            causes.push(Cause::required(path.field(name), ""));
        }
    }
    if node.embedded == Embedded::Resource {
        for name in ["apiVersion", "kind"] {
            if map
                .get(name)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                causes.push(Cause::required(path.field(name), "must not be empty"));
            }
        }
    }
    check_count(map.len(), node.size, "properties", path, causes);
    for (name, value) in map {
        let inner = match (node.properties.get(name), &node.additional) {
            (Some(inner), _) => inner,
            (None, Additional::Schema(inner)) => inner,
            (None, _) => continue,
        };
        path.with_field(name, |path| check(value, inner, path, causes));
    }
}

fn check_combinations(value: &Value, node: &Node, path: &mut Path, causes: &mut Vec<Cause>) {
    for inner in &node.all_of {
        check(value, inner, path, causes);
    }
    let mut count = |nodes: &[Node]| {
        let meets = |inner: &&Node| {
            let mut found = Vec::new();
            check(value, inner, path, &mut found);
            found.is_empty()
        };
        nodes.iter().filter(meets).count()
    };
    let (any, one) = (count(&node.any_of), count(&node.one_of));
    let negated = node
        .not
        .as_ref()
        .is_some_and(|inner| count(std::slice::from_ref(inner)) > 0);
    let mut wrong = |words: &str| {
        let detail = format!("{path} in body {words}");
        causes.push(Cause::invalid(
            &*path,
            &Value::String(json_type(value).to_owned()),
            &detail,
        ));
    };
    if !node.any_of.is_empty() && any == 0 {
        wrong("must validate at least one schema (anyOf)");
    }
    if !node.one_of.is_empty() && one != 1 {
        wrong("must validate one and only one schema (oneOf)");
    }
    if negated {
        wrong("must not validate the schema (not)");
    }
}
