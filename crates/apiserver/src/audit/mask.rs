//! What must not be read in the log.

use serde_json::{Map, Value};

const MASK: &str = "***";

/// Masks the values of Secrets, tokens and what an apply remembers of them, in an object or a list, and
/// drops `managedFields` where they are not wanted.
pub(super) fn mask(value: &mut Value, secret: bool, omit_managed_fields: bool) {
    let Value::Object(object) = value else {
        // A JSON patch of a Secret: its values may be anywhere.
        if let (true, Value::Array(operations)) = (secret, &mut *value) {
            for operation in operations.iter_mut().filter_map(Value::as_object_mut) {
                hide(operation, &["value"]);
            }
        }
        return;
    };
    if let Some(Value::Array(items)) = object.get_mut("items") {
        for item in items {
            mask(item, secret, omit_managed_fields);
        }
    }
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        if omit_managed_fields {
            metadata.remove("managedFields");
        }
        if let (true, Some(Value::Object(notes))) = (secret, metadata.get_mut("annotations")) {
            hide(notes, &["kubectl.kubernetes.io/last-applied-configuration"]);
        }
    }
    if secret {
        for field in ["data", "stringData"] {
            if let Some(Value::Object(values)) = object.get_mut(field) {
                let keys: Vec<String> = values.keys().cloned().collect();
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                hide(values, &keys);
            }
        }
    }
    for part in ["spec", "status"] {
        if let Some(Value::Object(part)) = object.get_mut(part) {
            hide(part, &["token"]);
        }
    }
}

fn hide(map: &mut Map<String, Value>, keys: &[&str]) {
    for &key in keys {
        if let Some(value) = map.get_mut(key) {
            *value = MASK.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_value_of_a_secret_is_left() {
        for mut value in [
            json!({ "data": { "a": "c2VjcmV0" }, "stringData": { "b": "secret" } }),
            json!({ "items": [{ "data": { "a": "secret" } }] }),
            json!([{ "op": "add", "path": "/data/a", "value": "secret" }]),
            json!({ "metadata": { "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "secret" } } }),
            json!({ "kind": "TokenRequest", "status": { "token": "secret" } }),
        ] {
            mask(&mut value, true, true);
            let text = value.to_string();
            assert!(!text.contains("secret") && !text.contains("c2Vj"), "{text}");
        }
    }
}
