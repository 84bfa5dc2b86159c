//! Which slices hand-kept Endpoints have.
#![allow(clippy::unwrap_used)]

use expect_test::expect;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use serde_json::{Value, json};

use super::{is_mirrored, slices};

fn endpoints(metadata: Value) -> Endpoints {
    let mut endpoints = json!({
        "metadata": { "namespace": "shop", "name": "db", "uid": "e1" },
        "subsets": [
            {
                "addresses": [{ "ip": "192.0.2.1", "hostname": "one" }, { "ip": "fd00::1" }],
                "notReadyAddresses": [{ "ip": "192.0.2.2" }],
                "ports": [{ "name": "sql", "port": 5432 }],
            },
            { "addresses": [{ "ip": "192.0.2.3" }], "ports": [{ "port": 80, "protocol": "UDP" }] },
        ],
    });
    for (key, value) in metadata.as_object().unwrap() {
        endpoints["metadata"][key] = value.clone();
    }
    serde_json::from_value(endpoints).unwrap()
}

#[test]
fn each_subset_has_a_slice_for_each_kind_of_address() {
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    let own = json!({ "labels": { "app": "db" }, "annotations": { last: "{}", "team": "a" } });
    let slices = slices(&endpoints(own));
    let lines: Vec<String> = slices
        .iter()
        .map(|slice| {
            let port = &slice.ports.as_ref().unwrap()[0];
            let all = slice.endpoints.iter().map(|it| {
                let ready = it.conditions.as_ref().unwrap().ready.unwrap();
                format!(
                    "{}{}",
                    it.addresses[0],
                    if ready { "" } else { " (not ready)" }
                )
            });
            format!(
                "{} {} {:?} {}/{}: {}",
                slice.metadata.name.as_deref().unwrap(),
                slice.address_type,
                port.name.as_deref().unwrap(),
                port.port.unwrap(),
                port.protocol.as_deref().unwrap(),
                all.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    expect![[r#"
        db-56cb6b79d4 IPv4 "sql" 5432/TCP: 192.0.2.1, 192.0.2.2 (not ready)
        db-56f74855ff IPv6 "sql" 5432/TCP: fd00::1
        db-574fd5dd5d IPv4 "" 80/UDP: 192.0.2.3"#]]
    .assert_eq(&lines.join("\n"));
    let metadata = &slices[0].metadata;
    let expected = json!({
        "app": "db",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    });
    assert_eq!(json!(metadata.labels), expected);
    assert_eq!(json!(metadata.annotations), json!({ "team": "a" }));
}

#[test]
fn only_endpoints_of_services_without_a_selector_are_mirrored() {
    let service =
        |spec: Value| -> Service { serde_json::from_value(json!({ "spec": spec })).unwrap() };
    let plain = service(json!({}));
    let found = service(json!({ "selector": { "app": "db" } }));
    let by_hand = endpoints(json!({}));
    assert!(is_mirrored(&by_hand, Some(&plain)));
    assert!(!is_mirrored(&by_hand, Some(&found)));
    assert!(!is_mirrored(&by_hand, None));
    let skipped = json!({ "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" } });
    assert!(!is_mirrored(&endpoints(skipped), Some(&plain)));
    let leader = json!({ "annotations": { "control-plane.alpha.kubernetes.io/leader": "{}" } });
    assert!(!is_mirrored(&endpoints(leader), Some(&plain)));
}
