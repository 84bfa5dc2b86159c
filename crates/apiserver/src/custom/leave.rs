//! How definitions go: their objects first.

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_store::{Change, Expect, Page, Write};

use super::{names, uninstall};
use crate::call::{Call, Target};
use crate::object::Object;
use crate::registry::{Kind, qualified};
use crate::state::State;
use crate::verb::Options;

const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

/// A definition that is being deleted takes its objects along.
pub(crate) async fn definition_marked(call: &Call, definition: &Object) {
    if (call.kind().group.as_str(), call.kind().plural.as_str()) != DEFINITIONS {
        return;
    }
    let (group, plural) = (
        definition.text(&["spec", "group"]),
        definition.text(&["spec", "names", "plural"]),
    );
    let Some(kind) = call.state.registry().get(group, plural).cloned() else {
        return;
    };
    let listing = call.state.store.list(&kind.resource, &Page::default());
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let one = Call {
            state: Arc::clone(&call.state),
            target: Target {
                kind: Arc::clone(&kind),
                version: 0,
                namespace: record.key.namespace.to_string(),
                name: Some(record.key.name.to_string()),
                subresource: String::new(),
            },
            method: call.method.clone(),
            headers: call.headers.clone(),
            query: BTreeMap::new(),
            identity: call.identity.clone(),
            form: call.form.clone(),
            body: bytes::Bytes::new(),
            annotations: call.annotations.clone(),
            streaming: crate::stream::Streaming::default(),
        };
        let removed = Box::pin(crate::verb::remove(
            &one,
            &record.key.name,
            &Options::default(),
        ))
        .await;
        if let Err(failure) = removed {
            tracing::warn!(key = %record.key, %failure, "cannot delete with its definition");
        }
    }
    release_definition(&call.state, &kind).await;
}

/// The last object of a custom kind lets a definition go that is being deleted.
pub(crate) async fn object_gone(state: &Arc<State>, kind: &Kind) {
    if !kind.built_in() {
        release_definition(state, kind).await;
    }
}

async fn release_definition(state: &Arc<State>, kind: &Kind) {
    let registry = state.registry();
    let Some(definitions) = registry.get(DEFINITIONS.0, DEFINITIONS.1) else {
        return;
    };
    let name = qualified(&kind.plural, &kind.group);
    let Some(record) = state.record(definitions, "", &name) else {
        return;
    };
    let left = state.store.list(&kind.resource, &Page::default());
    if !record.metadata.deleting || left.is_ok_and(|listing| !listing.records.is_empty()) {
        return;
    }
    let Ok(mut definition) = Object::decode(&record.bytes) else {
        return;
    };
    let others: Vec<String> = definition
        .finalizers()
        .into_iter()
        .filter(|finalizer| *finalizer != crate::strategy::CLEANUP)
        .map(str::to_owned)
        .collect();
    let done = others.is_empty();
    definition.set_finalizers(others);
    let change = if done {
        Change::Delete {
            draft: definition.draft(),
        }
    } else {
        let metadata = definition.selectable(&definitions.selectable);
        Change::Put {
            draft: definition.draft(),
            metadata,
        }
    };
    let expect = Expect::Revision(record.revision);
    let write = Write {
        key: record.key.clone(),
        expect,
        change,
    };
    match state.commit(definitions, write).await {
        Ok(_) if done => {
            uninstall(state, &definition);
            names::settle_waiting(state, &kind.group).await;
        }
        Ok(_) => {}
        Err(failure) => tracing::warn!(%name, %failure, "cannot finish deleting a definition"),
    }
}
