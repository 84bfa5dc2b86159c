//! Tests with pure inputs.

// The snapshots are written by a tool; JSON and snapshots read best when handed over whole.
#![allow(clippy::needless_raw_string_hashes, clippy::needless_pass_by_value)]

use std::net::{IpAddr, Ipv4Addr};

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;
use crate::registration::Capacity;

fn check(volume: Value, expected: Expect) {
    expected.assert_eq(&shown(json!({"containers": []}), volume));
}

fn shown(spec: Value, volume: Value) -> String {
    let metadata = json!({"name": "web", "labels": {"app": "web"}});
    let pod = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
    let capacity = Capacity {
        cpu_millis: 1,
        memory_bytes: 1,
        storage_bytes: 1,
        pods: 1,
    };
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let facts = Facts {
        pod: &pod,
        address: local,
        host: local,
        capacity: &capacity,
    };
    let mut sources = Sources::default();
    let map = json!({"metadata": {"name": "settings"}, "data": {"a": "1", "b": "22"}});
    sources
        .config_maps
        .insert("settings".into(), serde_json::from_value(map).unwrap());
    let request = TokenRequest {
        audience: String::new(),
        seconds: 3_600,
    };
    let tokens = Tokens::from([(request, Ok("token".to_owned()))]);
    let mut volume = volume;
    volume["name"] = json!("v");
    let made = content(
        &serde_json::from_value(volume).unwrap(),
        facts,
        &sources,
        &tokens,
    );
    match made {
        Ok(made) => format!("{made:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_claim_of_the_pods_own_has_its_name() {
    check(
        json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
        expect![[r#"Claim("web-v")"#]],
    );
}

#[test]
fn files_come_from_every_source() {
    check(
        json!({"configMap": {"name": "settings", "defaultMode": 256}}),
        expect![[r#"Files({"a": 1 bytes, mode 400, "b": 2 bytes, mode 400})"#]],
    );
    check(
        json!({"configMap": {"name": "settings", "items": [{"key": "b", "path": "x/y", "mode": 420}]}}),
        expect![[r#"Files({"x/y": 2 bytes, mode 644})"#]],
    );
    check(
        json!({"secret": {"secretName": "none", "optional": true}}),
        expect!["Files({})"],
    );
    check(
        json!({"projected": {"sources": [
            {"configMap": {"name": "settings", "items": [{"key": "a", "path": "a"}]}},
            {"serviceAccountToken": {"path": "token"}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        ]}}),
        expect![[
            r#"Files({"a": 1 bytes, mode 644, "labels": 9 bytes, mode 644, "token": 5 bytes, mode 644})"#
        ]],
    );
}

#[test]
fn a_token_is_for_whom_the_pod_says_and_for_all_where_it_says_nobody() {
    let token = json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
    let container = |user: Option<i64>| match user {
        Some(user) => json!({"name": "c", "securityContext": {"runAsUser": user}}),
        None => json!({"name": "c"}),
    };
    let cases = [
        (json!({"containers": [container(None)]}), "mode 644"),
        (
            json!({"containers": [container(Some(7))]}),
            "mode 600, user 7",
        ),
        (
            json!({"containers": [container(Some(7)), container(Some(8))]}),
            "mode 644",
        ),
        (
            json!({"containers": [container(None), container(Some(8))],
                "securityContext": {"runAsUser": 8}}),
            "mode 600, user 8",
        ),
        (
            json!({"containers": [container(None)], "securityContext": {"fsGroup": 5}}),
            "mode 600",
        ),
    ];
    for (spec, mode) in cases {
        let expected = format!(r#"Files({{"token": 5 bytes, {mode}}})"#);
        assert_eq!(shown(spec, token.clone()), expected);
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    check(
        json!({"configMap": {"name": "none"}}),
        expect![[r#"configmap "none" not found"#]],
    );
    check(
        json!({"configMap": {"name": "settings", "items": [{"key": "c", "path": "c"}]}}),
        expect![[r#"configmap "settings" references non-existent key: c"#]],
    );
    check(
        json!({"configMap": {"name": "settings", "items": [{"key": "a", "path": "../a"}]}}),
        expect![[r#"path "../a" must be relative and must not contain '..'"#]],
    );
    check(
        json!({"nfs": {"server": "s", "path": "/"}}),
        expect![
            "nfs is not supported: use configMap, secret, emptyDir, downwardAPI, projected, hostPath, ephemeral or persistentVolumeClaim"
        ],
    );
}
