//! The way from client-side to server-side apply: what `kubectl apply` wrote before, by its annotation, is
//! taken over without a conflict by the manager `kubectl`, and the annotation follows what it applies.

use serde_json::{Map, Value};

use super::{Conflict, FieldSet, collect, compare};
use crate::structure::Structure;

/// The manager whose applies come from `kubectl apply --server-side`.
pub(super) const KUBECTL: &str = "kubectl";

/// The annotation in which `kubectl apply` keeps what it applied last.
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The largest sum of annotations.
const ANNOTATIONS_LIMIT: usize = 256 << 10;

fn annotation(object: &Map<String, Value>) -> Option<&str> {
    let text = object
        .get("metadata")?
        .get("annotations")?
        .get(ANNOTATION)?
        .as_str()?;
    (!text.is_empty()).then_some(text)
}

/// The fields that client-side apply wrote last and nobody changed since.
fn unchanged(
    live: &Map<String, Value>,
    api_version: &str,
    structure: Structure<'_>,
) -> Option<FieldSet> {
    let last: Map<String, Value> = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    let fields = collect::fields_of(&last, structure).ok()?;
    let changes = compare::between(&last, live, structure);
    let changed = changes.written.union(&changes.removed);
    Some(fields.difference(&changed))
}

/// The conflicts that remain when those over what client-side apply wrote are none.
pub(super) fn remaining(
    conflicts: Vec<Conflict>,
    live: &Map<String, Value>,
    api_version: &str,
    structure: Structure<'_>,
) -> Vec<Conflict> {
    let Some(allowed) = unchanged(live, api_version, structure) else {
        return conflicts;
    };
    let allowed = allowed.paths();
    let open = |conflict: &Conflict| !allowed.contains(&conflict.field);
    conflicts.into_iter().filter(open).collect()
}

/// Where the object carries the annotation, makes it say what was applied now.
pub(super) fn follow(object: &mut Map<String, Value>, config: &Map<String, Value>) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(Value::Object(metadata)) = config.get_mut("metadata") {
        metadata.remove("managedFields");
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(ANNOTATION);
        }
    }
    let text = format!("{}\n", Value::Object(config));
    let annotations = object
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Value::as_object_mut);
    let Some(annotations) = annotations else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(size).sum::<usize>() > ANNOTATIONS_LIMIT {
        annotations.remove(ANNOTATION);
    }
}
