//! Whether the servers behind APIServices answer, as their conditions say it.

use std::sync::Arc;
use std::time::Duration;

use seatrial_store::{Change, Expect, Page, Write};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{RESOURCE, discover};
use crate::object::{Object, timestamp};
use crate::state::State;

/// How often each server is asked.
const EVERY: Duration = Duration::from_secs(10);

/// The condition `Available`.
pub(super) fn condition(status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({ "type": "Available", "status": status, "reason": reason, "message": message, "lastTransitionTime": now })
}

/// Asks the servers behind APIServices again and again, and writes down whether they answer, until `stopping`.
pub(crate) async fn watch(state: Arc<State>, stopping: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let listing = state.store.list(RESOURCE, &Page::default());
        for record in listing.map(|listing| listing.records).unwrap_or_default() {
            let Ok(object) = Object::decode(&record.bytes) else {
                continue;
            };
            if object
                .at(&["spec", "service"])
                .is_some_and(Value::is_object)
            {
                note(&state, object, record.revision).await;
            }
        }
    }
}

/// Asks one server, and stores its condition where that has changed.
async fn note(state: &State, mut object: Object, revision: u64) {
    let name = object.name().to_owned();
    let (status, reason, message) = match discover::ask(state, &object).await {
        Some(_) => ("True", "Passed", "all checks passed".to_owned()),
        None => (
            "False",
            "FailedDiscoveryCheck",
            format!("failing or missing response from the service of {name}"),
        ),
    };
    let known = object
        .at(&["status", "conditions"])
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let same = |one: &Value| {
        one["type"] == "Available" && one["status"] == status && one["reason"] == reason
    };
    if known.iter().any(same) {
        return;
    }
    let mut conditions: Vec<Value> = known
        .into_iter()
        .filter(|one| one["type"] != "Available")
        .collect();
    conditions.push(condition(status, reason, &message, &timestamp(state.now())));
    object
        .section("status")
        .insert("conditions".to_owned(), conditions.into());
    let registry = state.registry();
    let Some(kind) = registry.get("apiregistration.k8s.io", "apiservices") else {
        return;
    };
    let change = Change::Put {
        draft: object.draft(),
        metadata: object.selectable(&kind.selectable),
    };
    let key = seatrial_store::Key::new(Arc::clone(&kind.resource), "", &name);
    let write = Write {
        key,
        expect: Expect::Revision(revision),
        change,
    };
    if let Err(failure) = state.commit(kind, write).await {
        // Somebody changed it meanwhile; the next round looks again.
        tracing::debug!(%name, %failure, "cannot write whether a server is available");
    }
}
