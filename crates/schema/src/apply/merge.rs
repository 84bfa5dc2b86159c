//! The merge of a configuration into the live object.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::collect::{Owned, element, owned};
use crate::fact::ListKind;
use crate::structure::Structure;

/// Merges `config`, whose lists can all be keyed, into `live`: objects by field, lists by their keys; the
/// rest is replaced.
pub(super) fn merge(
    live: &Map<String, Value>,
    config: &Map<String, Value>,
    structure: Structure<'_>,
) -> Map<String, Value> {
    merge_fields(live, config, structure)
}

fn merged(live: &Value, config: &Value, structure: Structure<'_>) -> Value {
    match (owned(live, structure), owned(config, structure)) {
        (Owned::Fields(live), Owned::Fields(config)) => {
            Value::Object(merge_fields(live, config, structure))
        }
        (Owned::Items(live, kind), Owned::Items(config, _)) => {
            Value::Array(merge_items(live, config, kind, structure.items()))
        }
        _ => config.clone(),
    }
}

fn merge_fields(
    live: &Map<String, Value>,
    config: &Map<String, Value>,
    structure: Structure<'_>,
) -> Map<String, Value> {
    let mut result = live.clone();
    for (name, value) in config {
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        let value = match live.get(name) {
            Some(live) => merged(live, value, inner),
            None => value.clone(),
        };
        result.insert(name.clone(), value);
    }
    result
}

/// The items of the configuration in its order; those of others stay before what they preceded, and before
/// what is new.
fn merge_items(
    live: &[Value],
    config: &[Value],
    kind: ListKind<'_>,
    structure: Structure<'_>,
) -> Vec<Value> {
    let name = |item: &Value| element(item, kind, structure).ok();
    let wanted: Vec<Option<String>> = config.iter().map(name).collect();
    let before: Vec<Option<String>> = live.iter().map(name).collect();
    // Lists of clients can be long: nothing is searched for.
    let known: HashSet<&Option<String>> = wanted.iter().collect();
    let mut places: HashMap<&str, &Value> = HashMap::with_capacity(live.len());
    for (item, key) in live.iter().zip(&before) {
        if let Some(key) = key {
            places.entry(key).or_insert(item);
        }
    }
    let mut result = Vec::with_capacity(live.len() + config.len());
    let mut rest = live.iter().zip(&before).peekable();
    for (item, key) in config.iter().zip(&wanted) {
        while let Some((other, _)) = rest.next_if(|(_, key)| !known.contains(key)) {
            result.push(other.clone());
        }
        match key.as_deref().and_then(|key| places.get(key)) {
            Some(live) => result.push(merged(live, item, structure)),
            None => result.push(item.clone()),
        }
        if rest.peek().is_some_and(|(_, next)| *next == key) {
            rest.next();
        }
    }
    let others = rest.filter(|(_, key)| !known.contains(key));
    result.extend(others.map(|(other, _)| other.clone()));
    result
}
