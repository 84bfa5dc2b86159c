//! The metadata of every object: names, labels, annotations, owners.

use serde_json::Value;

use crate::failure::Cause;
use crate::object::Object;

/// The rule that the names of a kind follow.
pub(crate) use seatrial_schema::validate::name::Rule as NameRule;

/// The most bytes that all annotations of an object may have together.
const ANNOTATION_LIMIT: usize = 256 << 10;

fn check_annotations(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut size = 0;
    let entries = object
        .at(&["metadata", "annotations"])
        .and_then(Value::as_object);
    for (key, value) in entries.into_iter().flatten() {
        if let Some(detail) = NameRule::Qualified.problem(&key.to_lowercase()) {
            causes.push(Cause::invalid(
                "metadata.annotations",
                key.as_str(),
                &detail,
            ));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATION_LIMIT {
        let message = format!("Too long: may not be more than {ANNOTATION_LIMIT} bytes");
        causes.push(Cause::new(
            "FieldValueTooLong",
            "metadata.annotations",
            message,
        ));
    }
    causes
}

/// Each owner is named in full, and at most one of them is the controller.
fn check_owners(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut controller: Option<&str> = None;
    let owners = object
        .at(&["metadata", "ownerReferences"])
        .and_then(Value::as_array);
    for (index, owner) in owners.into_iter().flatten().enumerate() {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        for (name, detail) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "kind must not be empty"),
            ("name", "name must not be empty"),
            ("uid", "uid must not be empty"),
        ] {
            if text(name).is_empty() {
                let field = format!("metadata.ownerReferences[{index}].{name}");
                causes.push(Cause::invalid(field, "", detail));
            }
        }
        if owner.get("controller") != Some(&Value::Bool(true)) {
            continue;
        }
        if let Some(first) = controller {
            let detail = format!(
                "Only one reference can have Controller set to true. Found \"true\" in \
                 references for {first} and {}",
                text("name")
            );
            let all = object.at(&["metadata", "ownerReferences"]).cloned();
            let all = all.unwrap_or_default();
            causes.push(Cause::invalid("metadata.ownerReferences", all, &detail));
        }
        controller = Some(text("name"));
    }
    causes
}

/// What is wrong with the metadata of an object.
pub(crate) fn check(object: &Object, rule: NameRule) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object.name();
    if name.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else if let Some(detail) = rule.problem(name) {
        causes.push(Cause::invalid("metadata.name", name, &detail));
    }
    let entries = |field: &str| {
        object
            .at(&["metadata", field])
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (key, value) in entries("labels") {
        if let Some(detail) = NameRule::Qualified.problem(key) {
            causes.push(Cause::invalid("metadata.labels", key.as_str(), &detail));
        }
        let value = value.as_str().unwrap_or_default();
        if let Some(detail) = NameRule::LabelValue.problem(value) {
            causes.push(Cause::invalid("metadata.labels", value, &detail));
        }
    }
    causes.extend(check_annotations(object));
    causes.extend(check_owners(object));
    for finalizer in object.finalizers() {
        if let Some(detail) = NameRule::Qualified.problem(finalizer) {
            causes.push(Cause::invalid("metadata.finalizers", finalizer, &detail));
        }
    }
    causes
}
