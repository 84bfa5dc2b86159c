//! Whether a write changes anything.

use serde_json::{Map, Value};

/// Whether two objects differ at most in the times of their `managedFields`.
///
/// A write that changes nothing else is none: the stored object stays, with its times.
pub fn same_but_times(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    let other = |key: &&String| *key != "metadata";
    old.keys().filter(other).eq(new.keys().filter(other))
        && old
            .iter()
            .filter(|(key, _)| *key != "metadata")
            .all(|(key, value)| new.get(key) == Some(value))
        && match (old.get("metadata"), new.get("metadata")) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => same_metadata(old, new),
            (old, new) => old == new,
        }
}

fn same_metadata(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    let other = |key: &&String| *key != "managedFields";
    if !old.keys().filter(other).eq(new.keys().filter(other)) {
        return false;
    }
    let same = |(key, value): (&String, &Value)| match (key.as_str(), value) {
        ("managedFields", Value::Array(old)) => new
            .get("managedFields")
            .and_then(Value::as_array)
            .is_some_and(|new| {
                let timeless = |entry: &Value| {
                    let mut entry = entry.clone();
                    if let Value::Object(entry) = &mut entry {
                        entry.remove("time");
                    }
                    entry
                };
                // A time decides the order, so the order says nothing either.
                let new: Vec<Value> = new.iter().map(timeless).collect();
                old.len() == new.len() && old.iter().all(|entry| new.contains(&timeless(entry)))
            }),
        _ => new.get(key) == Some(value),
    };
    old.contains_key("managedFields") == new.contains_key("managedFields") && old.iter().all(same)
}
