//! Kinds that CustomResourceDefinitions add: from the definition to a row in the registry.

pub(crate) mod conversion;
mod definition;
mod kind;
mod leave;
pub(crate) mod names;
pub(crate) mod rules;
pub(crate) mod selection;
mod validate;

use seatrial_store::Page;
use serde_json::{Value, json};

pub(crate) use definition::Definition;
pub(crate) use kind::kind;
pub(crate) use leave::{definition_marked, object_gone};
pub(crate) use validate::{missing_versions, validate};

use crate::object::Object;
use crate::state::State;

/// Adds the kinds of all stored definitions.
pub(crate) fn load(state: &State) {
    // The newest state is never compacted, so this cannot fail.
    let listing = state.store.list(
        "customresourcedefinitions.apiextensions.k8s.io",
        &Page::default(),
    );
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        match Object::decode(&record.bytes) {
            Ok(definition) if names::is_established(&definition) => install(state, &definition),
            Ok(_) => {}
            Err(error) => tracing::error!(key = %record.key, %error, "cannot read a definition"),
        }
    }
}

/// Serves the kind of `definition`, in place of what it defined before.
pub(crate) fn install(state: &State, definition: &Object) {
    let kind = kind(definition);
    state.change_registry(|registry| registry.insert(kind));
}

/// Serves the kind of `definition` no longer.
pub(crate) fn uninstall(state: &State, definition: &Object) {
    let (group, plural) = (
        definition.text(&["spec", "group"]),
        definition.text(&["spec", "names", "plural"]),
    );
    state.change_registry(|registry| registry.remove(group, plural));
}

/// Sets the names that follow from others.
pub(crate) fn default_names(definition: &mut Object) {
    let names = crate::object::section(definition.section("spec"), "names");
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let lower = kind.to_ascii_lowercase();
    for (field, value) in [("singular", lower), ("listKind", format!("{kind}List"))] {
        let given = names.get(field).and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            names.insert(field.to_owned(), json!(value));
        }
    }
    let spec = definition.section("spec");
    spec.entry("conversion")
        .or_insert_with(|| json!({"strategy": "None"}));
}

/// The name of the version in which objects are stored.
pub(crate) fn stored_version(definition: &Object) -> String {
    let versions = versions(definition);
    let stored = versions.iter().find(|version| flag(version, "storage"));
    text(stored.copied(), "name")
}

fn versions(definition: &Object) -> Vec<&Value> {
    let versions = definition
        .at(&["spec", "versions"])
        .and_then(Value::as_array);
    versions.into_iter().flatten().collect()
}

fn flag(value: &Value, field: &str) -> bool {
    value
        .get(field)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

fn text(value: Option<&Value>, field: &str) -> String {
    let text = value
        .and_then(|value| value.get(field))
        .and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
