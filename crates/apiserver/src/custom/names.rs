//! Whether the names of a definition are free in its group, and the conditions that say so.

use seatrial_store::{Change, Expect, Page, Write};
use serde_json::{Value, json};

use crate::object::{Object, timestamp};
use crate::registry::{Kind, Registry};
use crate::state::State;

/// Two definitions want the same name.
struct Conflict {
    reason: &'static str,
    message: String,
}

/// The first name of the definition that another kind of its group has.
fn conflict(registry: &Registry, definition: &Object) -> Option<Conflict> {
    let name = |field: &str| definition.text(&["spec", "names", field]);
    let plural = name("plural");
    let others: Vec<&Kind> = registry
        .group(definition.text(&["spec", "group"]))
        .map(AsRef::as_ref)
        .filter(|kind| kind.plural != plural)
        .collect();
    let resource = |wanted: &str| {
        let uses = |kind: &&Kind| {
            kind.plural == wanted
                || kind.singular == wanted
                || kind.short_names.iter().any(|name| name == wanted)
        };
        !wanted.is_empty() && others.iter().any(uses)
    };
    let typed = |wanted: &str| {
        others
            .iter()
            .any(|kind| kind.kind == wanted || kind.list_kind == wanted)
    };
    let found = |reason, name: &str| {
        Some(Conflict {
            reason,
            message: format!("{name:?} is already in use"),
        })
    };
    let short = definition
        .at(&["spec", "names", "shortNames"])
        .and_then(Value::as_array);
    let mut short = short.into_iter().flatten().filter_map(Value::as_str);
    match () {
        () if resource(plural) => found("PluralConflict", plural),
        () if resource(name("singular")) => found("SingularConflict", name("singular")),
        () if typed(name("kind")) => found("KindConflict", name("kind")),
        () if typed(name("listKind")) => found("ListKindConflict", name("listKind")),
        () => short
            .find(|name| resource(name))
            .and_then(|name| found("ShortNamesConflict", name)),
    }
}

/// Writes into the status of a definition whether its names are accepted, and whether it is served.
pub(crate) fn settle(state: &State, definition: &mut Object) {
    let now = timestamp(state.now());
    let (accepted, established) = match conflict(&state.registry(), definition) {
        None => (
            condition(
                "NamesAccepted",
                "True",
                "NoConflicts",
                "no conflicts found",
                &now,
            ),
            condition(
                "Established",
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
                &now,
            ),
        ),
        Some(Conflict { reason, message }) => (
            condition("NamesAccepted", "False", reason, &message, &now),
            condition(
                "Established",
                "False",
                "NotAccepted",
                "not all names are accepted",
                &now,
            ),
        ),
    };
    // What is served once stays so; only its new names wait.
    let established = if is_established(definition) {
        None
    } else {
        Some(established)
    };
    if accepted["status"] == "True" {
        let names = definition
            .at(&["spec", "names"])
            .cloned()
            .unwrap_or_default();
        definition
            .section("status")
            .insert("acceptedNames".to_owned(), names);
    }
    let status = definition.section("status");
    status
        .entry("acceptedNames")
        .or_insert_with(|| json!({ "kind": "", "plural": "" }));
    for wanted in [Some(accepted), established].into_iter().flatten() {
        set(
            status.entry("conditions").or_insert_with(|| json!([])),
            wanted,
        );
    }
}

/// Names have become free: definitions of the group that waited for them are served now.
pub(crate) async fn settle_waiting(state: &State, group: &str) {
    let registry = state.registry();
    let Some(definitions) = registry.get("apiextensions.k8s.io", "customresourcedefinitions")
    else {
        return;
    };
    let listing = state.store.list(&definitions.resource, &Page::default());
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let Ok(mut definition) = Object::decode(&record.bytes) else {
            continue;
        };
        if definition.text(&["spec", "group"]) != group || is_established(&definition) {
            continue;
        }
        settle(state, &mut definition);
        if !is_established(&definition) {
            continue;
        }
        let change = Change::Put {
            draft: definition.draft(),
            metadata: definition.selectable(&definitions.selectable),
        };
        let write = Write {
            key: record.key.clone(),
            expect: Expect::Revision(record.revision),
            change,
        };
        match state.commit(definitions, write).await {
            Ok(_) => super::install(state, &definition),
            Err(failure) => tracing::warn!(key = %record.key, %failure, "cannot accept names"),
        }
    }
}

/// Whether a definition is served.
pub(crate) fn is_established(definition: &Object) -> bool {
    let conditions = definition
        .at(&["status", "conditions"])
        .and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Established" && one["status"] == "True")
}

/// Puts a condition in the place of the one of its type; the time stays where nothing else changes.
fn set(conditions: &mut Value, mut wanted: Value) {
    let Value::Array(conditions) = conditions else {
        return;
    };
    match conditions
        .iter_mut()
        .find(|one| one["type"] == wanted["type"])
    {
        Some(known) => {
            if known["status"] == wanted["status"] {
                wanted["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = wanted;
        }
        None => conditions.push(wanted),
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now })
}
