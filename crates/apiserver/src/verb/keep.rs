//! What a change to an object must leave as it was.

use serde_json::json;

use super::pod_part;
use crate::call::Call;
use crate::object::Object;
use crate::registry::Generation;

/// What only the server sets.
pub(super) fn keep_system_metadata(object: &mut Object, old: &Object) {
    const KEPT: [&str; 8] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    for field in KEPT {
        match old.at(&["metadata", field]) {
            Some(value) => {
                object.metadata().insert(field.to_owned(), value.clone());
            }
            None => {
                object.metadata().remove(field);
            }
        }
    }
    object.metadata().remove("selfLink");
    if object.at(&["metadata", "managedFields"]).is_none()
        && let Some(fields) = old.at(&["metadata", "managedFields"])
    {
        object
            .metadata()
            .insert("managedFields".to_owned(), fields.clone());
    }
}

/// The object's own path leaves its status alone, and the status's path everything else.
pub(super) fn separate_status(call: &Call, object: &mut Object, old: &Object) {
    let restore = |object: &mut Object, field: &str| match old.0.get(field) {
        Some(value) => {
            object.0.insert(field.to_owned(), value.clone());
        }
        None => {
            object.0.remove(field);
        }
    };
    match call.target.subresource.as_str() {
        "" if call.kind().has_status(call.version()) => restore(object, "status"),
        // Only the conditions: the certificate is the signer's.
        "approval" => {
            let wanted = object.at(&["status", "conditions"]).cloned();
            restore(object, "spec");
            restore(object, "status");
            object
                .section("status")
                .insert("conditions".to_owned(), wanted.unwrap_or_else(|| json!([])));
        }
        "status" => {
            // The metadata of built-in kinds may change with their status; that of custom ones not.
            let keeps = |field: &str| match field {
                "status" | "apiVersion" | "kind" => false,
                "metadata" => !call.kind().built_in(),
                _ => true,
            };
            let fields: Vec<String> = object
                .0
                .keys()
                .chain(old.0.keys())
                .filter(|field| keeps(field))
                .cloned()
                .collect();
            let managed = object.at(&["metadata", "managedFields"]).cloned();
            for field in fields {
                restore(object, &field);
            }
            if let Some(managed) = managed {
                object
                    .metadata()
                    .insert("managedFields".to_owned(), managed);
            }
        }
        part @ ("ephemeralcontainers" | "resize") => pod_part::keep(part, object, old),
        _ => {}
    }
}

/// The generation counts changes of what the user wants: everything but metadata, and but the status
/// where that has a path of its own.
pub(super) fn count_generation(call: &Call, object: &mut Object, old: &Object) {
    // A binding completes the specification rather than changing it.
    let part = call.target.subresource.as_str();
    if call.kind().generation == Generation::Unset || matches!(part, "status" | "binding") {
        return;
    }
    let own_status = call.kind().has_status(call.version());
    let counted = |field: &str| field != "metadata" && !(own_status && field == "status");
    let same = |one: &Object, other: &Object| {
        one.0
            .iter()
            .filter(|(field, _)| counted(field))
            .all(|(field, value)| other.0.get(field) == Some(value))
    };
    if !same(object, old) || !same(old, object) {
        let next = old.generation() + 1;
        object
            .metadata()
            .insert("generation".to_owned(), json!(next));
    }
}
