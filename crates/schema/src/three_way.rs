//! The three-way merge of client-side apply: what was applied last, what shall be applied now, and what
//! the object has become in between.

use serde_json::{Map, Value};

use crate::fact::{Merge, Retain};
use crate::patch::{Places, normalize};
use crate::structure::Structure;

/// Merges `modified` into `current`, and removes what `original` had and `modified` has no more. What
/// others have set stays. `original` is null where nothing was applied before.
///
/// # Guarantees
/// - Lists merge by their merge keys where the type has such; all others are replaced.
/// - A second merge with `modified` as the original changes nothing.
///
/// # Caveats
/// Of custom and unknown kinds all lists are replaced, as upstream does.
pub fn merged(
    original: &Value,
    modified: &Value,
    current: &Value,
    structure: Structure<'_>,
) -> Value {
    let mut result = current.clone();
    merge_value(original, modified, &mut result, structure, Retain::All);
    result
}

fn merge_value(
    original: &Value,
    modified: &Value,
    current: &mut Value,
    structure: Structure<'_>,
    retain: Retain,
) {
    match (modified, &mut *current) {
        (Value::Object(modified), Value::Object(current)) => {
            let empty = Map::new();
            let original = original.as_object().unwrap_or(&empty);
            merge_objects(original, modified, current, structure, retain);
        }
        (Value::Array(modified), Value::Array(current)) => {
            let original = original.as_array().map(Vec::as_slice).unwrap_or_default();
            merge_lists(original, modified, current, structure);
        }
        _ => *current = without_nulls(modified),
    }
}

fn merge_objects(
    original: &Map<String, Value>,
    modified: &Map<String, Value>,
    current: &mut Map<String, Value>,
    structure: Structure<'_>,
    retain: Retain,
) {
    let before = (retain == Retain::Listed).then(|| current.clone());
    for name in original.keys() {
        if modified.get(name).is_none_or(Value::is_null) {
            current.remove(name);
        }
    }
    for (name, value) in modified {
        if value.is_null() {
            current.remove(name);
            continue;
        }
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        let before = original.get(name).unwrap_or(&Value::Null);
        match current.get_mut(name) {
            Some(slot) => merge_value(before, value, slot, inner, inner.retain()),
            None => {
                current.insert(name.clone(), without_nulls(value));
            }
        }
    }
    // A union (a volume's source, a deployment's strategy): where it changes, it is what was given.
    if before.is_some_and(|before| before != *current) {
        current.retain(|name, _| modified.contains_key(name));
    }
}

fn merge_lists(
    original: &[Value],
    modified: &[Value],
    current: &mut Vec<Value>,
    structure: Structure<'_>,
) {
    let key = match structure.merge() {
        Merge::Replace => {
            // Items that are alike keep what the server has added to them only by a merge key.
            *current = modified.iter().map(without_nulls).collect();
            return;
        }
        Merge::Values => None,
        Merge::By(key) => Some(key),
    };
    let before = current.clone();
    let (given, wanted) = (Places::of(original, key), Places::of(modified, key));
    current.retain(|item| given.find(item).is_none() || wanted.find(item).is_some());
    let mut places = Places::of(current, key);
    for item in modified {
        let old = given.find(item).and_then(|place| original.get(place));
        let slot = places.find(item).and_then(|place| current.get_mut(place));
        if let Some(slot) = slot {
            let old = old.unwrap_or(&Value::Null);
            merge_value(old, item, slot, structure.items(), structure.retain());
        } else {
            places.note(item, current.len());
            current.push(without_nulls(item));
        }
    }
    *current = normalize(std::mem::take(current), modified, &before, key);
}

/// A value without the fields that are null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests;
