//! Slices and Endpoints for small services.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::{Value, json};

use super::legacy;
use super::plan::decide;

fn service(ports: Value) -> Service {
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web", "uid": "s1", "labels": {"app": "web"}},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }))
    .unwrap()
}

fn pod(name: &str, address: &str, ready: &str, port: i32) -> Arc<Pod> {
    Arc::new(
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": name, "uid": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "n1", "containers": [
                {"name": "web", "ports": [{"name": "http", "containerPort": port}]}]},
            "status": {"podIP": address, "phase": "Running",
                       "conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap(),
    )
}

fn check(service: &Service, pods: &[Arc<Pod>], expected: Expect) {
    let slices = decide(service, pods);
    let mut text = String::new();
    for slice in &slices {
        let ports: Vec<_> = slice
            .ports
            .iter()
            .flatten()
            .filter_map(|port| port.port)
            .collect();
        text += &format!("{} {ports:?}\n", slice.metadata.name.as_deref().unwrap());
        for endpoint in &slice.endpoints {
            let is = endpoint.conditions.clone().unwrap();
            let marks = [
                ("ready", is.ready),
                ("serving", is.serving),
                ("ends", is.terminating),
            ];
            let marks: Vec<_> = marks
                .iter()
                .filter(|(_, on)| *on == Some(true))
                .map(|(mark, _)| *mark)
                .collect();
            text += &format!("  {} {}\n", endpoint.addresses[0], marks.join(" "));
        }
    }
    for subset in legacy::endpoints(service, &slices).subsets.iter().flatten() {
        let list = |addresses: &Option<Vec<_>>| addresses.as_ref().map_or(0, Vec::len);
        let (ready, not) = (list(&subset.addresses), list(&subset.not_ready_addresses));
        text += &format!("subset: {ready} ready, {not} not ready\n");
    }
    expected.assert_eq(&text);
}

fn named() -> Value {
    json!([{"name": "http", "port": 80, "targetPort": "http"}])
}

#[test]
fn readiness_and_termination_are_told_apart() {
    let mut leaving = Pod::clone(&pod("c", "10.0.0.3", "True", 8080));
    leaving.metadata.deletion_timestamp =
        serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    let pods = [
        pod("a", "10.0.0.1", "True", 8080),
        pod("b", "10.0.0.2", "False", 8080),
        Arc::new(leaving),
    ];
    check(
        &service(named()),
        &pods,
        expect![[r#"
            web-68465df8 [8080]
              10.0.0.1 ready serving
              10.0.0.2 
              10.0.0.3 serving ends
            subset: 1 ready, 1 not ready
        "#]],
    );
}

#[test]
fn pods_with_other_port_numbers_get_their_own_slice() {
    let pods = [
        pod("a", "10.0.0.1", "True", 8080),
        pod("b", "10.0.0.2", "True", 9090),
    ];
    check(
        &service(named()),
        &pods,
        expect![[r#"
        web-68465df8 [8080]
          10.0.0.1 ready serving
        web-84cff957 [9090]
          10.0.0.2 ready serving
        subset: 1 ready, 0 not ready
        subset: 1 ready, 0 not ready
    "#]],
    );
}

#[test]
fn a_service_without_pods_has_one_empty_slice() {
    check(
        &service(named()),
        &[],
        expect![[r#"
        web-68465df8 []
    "#]],
    );
}

#[test]
fn slices_hold_a_thousand() {
    let pods: Vec<_> = (0..1500)
        .map(|n| {
            pod(
                &format!("p{n}"),
                &format!("10.0.{}.{}", n / 250, n % 250),
                "True",
                80,
            )
        })
        .collect();
    let sizes: Vec<_> = decide(&service(named()), &pods)
        .iter()
        .map(|slice| slice.endpoints.len())
        .collect();
    assert_eq!(sizes, [1000, 500]);
}

#[test]
fn a_port_without_a_target_is_its_own() {
    let pods = [pod("a", "10.0.0.1", "True", 8080)];
    check(
        &service(json!([{"port": 5432}])),
        &pods,
        expect![[r#"
        web-68465df8 [5432]
          10.0.0.1 ready serving
        subset: 1 ready, 0 not ready
    "#]],
    );
}
