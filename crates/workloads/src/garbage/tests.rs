//! The fate of dependents.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use expect_test::{Expect, expect};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::plan::{Fate, Owner, decide, needs_look};
use crate::shell::Shell;

fn shell(meta: Value) -> Shell {
    serde_json::from_value(json!({ "metadata": meta })).unwrap()
}

fn check(meta: Value, owners: &[Owner], parent: bool, expected: Expect) {
    let owners: Vec<_> = owners
        .iter()
        .enumerate()
        .map(|(number, owner)| {
            let uid = format!("u{number}");
            (
                OwnerReference {
                    uid,
                    ..OwnerReference::default()
                },
                *owner,
            )
        })
        .collect();
    let text = match decide(&shell(meta), &owners, parent) {
        Fate::Keep => "keep".to_owned(),
        Fate::Prune(kept) => {
            let uids: Vec<_> = kept.into_iter().map(|owner| owner.uid).collect();
            format!("only {}", uids.join(", "))
        }
        Fate::Delete(policy) => format!("delete {policy:?}"),
    };
    expected.assert_eq(&text);
}

#[test]
fn one_solid_owner_holds_an_object() {
    check(json!({}), &[], false, expect!["keep"]);
    check(json!({}), &[Owner::Solid], false, expect!["keep"]);
    let owners = [Owner::Dangling, Owner::Solid, Owner::Waiting];
    check(json!({}), &owners, true, expect!["only u1"]);
}

#[test]
fn an_object_without_owners_left_goes() {
    check(
        json!({}),
        &[Owner::Dangling],
        false,
        expect!["delete Background"],
    );
    check(
        json!({}),
        &[Owner::Dangling, Owner::Waiting],
        false,
        expect!["delete Background"],
    );
    check(
        json!({}),
        &[Owner::Waiting],
        true,
        expect!["delete Foreground"],
    );
    let orphaning = json!({"finalizers": ["orphan"]});
    check(
        orphaning,
        &[Owner::Dangling],
        false,
        expect!["delete Orphan"],
    );
}

#[test]
fn only_new_owners_and_waiting_deletions_are_looked_at() {
    let owned = || json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]);
    let plain = shell(json!({"labels": {"a": "b"}}));
    let child = shell(json!({"ownerReferences": owned()}));
    let later = shell(json!({"ownerReferences": owned(), "resourceVersion": "9"}));
    let waiting = shell(json!({"deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["foregroundDeletion"]}));
    assert!(!needs_look(None, &plain));
    assert!(needs_look(None, &child));
    assert!(needs_look(Some(&plain), &child));
    assert!(!needs_look(Some(&child), &later));
    assert!(needs_look(Some(&plain), &waiting));
}
