//! Tests with pure inputs.

#![allow(clippy::needless_raw_string_hashes)] // The snapshots are written by a tool.

use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::registration::Capacity;

fn made(container: Value) -> Result<BTreeMap<String, String>, String> {
    let pod: Pod =
        serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}})).unwrap();
    let container: Container = serde_json::from_value(container).unwrap();
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
    let map = json!({"metadata": {"name": "settings"}, "data": {"COLOUR": "blue", "a=b": "no"}});
    sources
        .config_maps
        .insert("settings".into(), serde_json::from_value(map).unwrap());
    let secret = json!({"metadata": {"name": "keys"}, "data": {"TOKEN": "c2VjcmV0"}});
    sources
        .secrets
        .insert("keys".into(), serde_json::from_value(secret).unwrap());
    let cluster = BTreeMap::from([("KUBERNETES_SERVICE_HOST".to_owned(), "10.96.0.1".to_owned())]);
    variables(&container, facts, &sources, &cluster).map_err(|error| error.to_string())
}

#[test]
fn values_come_from_every_source_in_order() {
    let made = made(json!({"name": "app",
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"prefix": "S_", "secretRef": {"name": "keys"}},
                    {"configMapRef": {"name": "none", "optional": true}}],
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "URL", "value": "http://$(KUBERNETES_SERVICE_HOST)/$(NAME)?$(COLOUR)&$$(NAME)"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}},
            {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "x", "optional": true}}},
        ]}))
    .unwrap();
    expect_test::expect![[r#"
        {
            "COLOUR": "blue",
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "NAME": "web",
            "S_TOKEN": "secret",
            "TOKEN": "secret",
            "URL": "http://10.96.0.1/web?$(COLOUR)&$(NAME)",
        }
    "#]]
    .assert_debug_eq(&made);
}

#[test]
fn what_is_missing_is_named() {
    let env = |from: Value| {
        made(json!({"name": "app", "env": [{"name": "X", "valueFrom": from}]})).unwrap_err()
    };
    assert_eq!(
        env(json!({"configMapKeyRef": {"name": "none", "key": "k"}})),
        "configmap \"none\" not found"
    );
    assert_eq!(
        env(json!({"secretKeyRef": {"name": "keys", "key": "k"}})),
        "couldn't find key k in Secret shop/keys"
    );
    assert!(
        env(json!({"fieldRef": {"fieldPath": "status.phase"}}))
            .starts_with("environment variable \"X\"")
    );
}

#[test]
fn command_and_arguments_replace_the_images() {
    let image = ImageConfig {
        entrypoint: vec!["/entry".into()],
        command: vec!["serve".into()],
        ..ImageConfig::default()
    };
    let line = |container: Value| {
        let container = serde_json::from_value(container).unwrap();
        command_line(
            &container,
            &image,
            &[("PORT".to_owned(), "80".to_owned())].into(),
        )
        .join(" ")
    };
    assert_eq!(line(json!({"name": "a"})), "/entry serve");
    assert_eq!(
        line(json!({"name": "a", "args": ["-p", "$(PORT)"]})),
        "/entry -p 80"
    );
    assert_eq!(line(json!({"name": "a", "command": ["sh"]})), "sh");
    assert_eq!(
        line(json!({"name": "a", "command": ["sh"], "args": ["$(HOME)"]})),
        "sh $(HOME)"
    );
}
