#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)] // Reads as a table of cases.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

/// Decides ten seconds after the last operation.
fn check(automated: Value, status: Value, expected: Expect) {
    let app = json!({
        "metadata": {"name": "shop"},
        "spec": {"project": "default", "destination": {}, "syncPolicy": {"automated": automated}},
    });
    let app: Application = serde_json::from_value(app).unwrap();
    let status: ApplicationStatus = serde_json::from_value(status).unwrap();
    let said = match decide(&app, &status, "2026-01-01T00:00:10Z".parse().unwrap()) {
        Decision::Start(operation) => serde_json::to_string(&operation.sync).unwrap(),
        other => format!("{other:?}"),
    };
    expected.assert_eq(&said);
}

fn status(resources: Value, last: Value) -> Value {
    json!({"sync": {"status": "OutOfSync", "revision": "abc"}, "resources": resources, "operationState": last})
}

fn last(phase: &str, revision: &str, attempts: i64) -> Value {
    json!({
        "operation": {"sync": {"selfHealAttemptsCount": attempts}}, "phase": phase, "message": "it broke",
        "syncResult": {"revision": revision}, "finishedAt": "2026-01-01T00:00:00Z",
    })
}

fn differing() -> Value {
    json!([
        {"kind": "ConfigMap", "name": "a", "status": "OutOfSync"},
        {"kind": "ConfigMap", "name": "b", "status": "Synced"},
    ])
}

#[test]
fn a_new_revision_is_synced_whole() {
    check(
        json!({"prune": true}),
        status(differing(), Value::Null),
        expect![[r#"{"revision":"abc","prune":true}"#]],
    );
    check(
        json!({}),
        status(differing(), last("Failed", "old", 0)),
        expect![[r#"{"revision":"abc"}"#]],
    );
    check(
        json!({"enabled": false}),
        status(differing(), Value::Null),
        expect!["Rest"],
    );
}

#[test]
fn a_failed_revision_is_not_tried_again() {
    check(
        json!({"selfHeal": true}),
        status(differing(), last("Failed", "abc", 0)),
        expect![[r#"Refuse("Failed last sync attempt to abc: it broke")"#]],
    );
}

#[test]
fn changes_by_hand_are_undone_with_growing_pauses() {
    check(
        json!({}),
        status(differing(), last("Succeeded", "abc", 0)),
        expect!["Rest"],
    );
    let heal = json!({"selfHeal": true});
    check(
        heal.clone(),
        status(differing(), last("Succeeded", "abc", 0)),
        expect![[
            r#"{"revision":"abc","resources":[{"kind":"ConfigMap","name":"a"}],"selfHealAttemptsCount":1}"#
        ]],
    );
    check(
        heal.clone(),
        status(differing(), last("Succeeded", "abc", 3)),
        expect!["Wait(8s)"],
    );
    check(
        heal,
        status(differing(), last("Succeeded", "abc", 9)),
        expect!["Wait(290s)"],
    );
}

#[test]
fn an_empty_source_deletes_nothing_unless_allowed() {
    let gone =
        json!([{"kind": "ConfigMap", "name": "a", "status": "OutOfSync", "requiresPruning": true}]);
    check(
        json!({}),
        status(gone.clone(), Value::Null),
        expect!["Rest"],
    );
    check(
        json!({"prune": true}),
        status(gone.clone(), Value::Null),
        expect![[
            r#"Refuse("Skipping sync attempt to abc: auto-sync will wipe out all resources")"#
        ]],
    );
    check(
        json!({"prune": true, "allowEmpty": true}),
        status(gone, Value::Null),
        expect![[r#"{"revision":"abc","prune":true}"#]],
    );
}
