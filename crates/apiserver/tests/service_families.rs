//! Families of addresses, and ports that several protocols share.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses a part of the support.

mod support;

use serde_json::{Value, json};
use support::Api;

const PATH: &str = "/api/v1/namespaces/default/services";

fn service(name: &str, more: Value) -> Value {
    let mut spec = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80 }] });
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "metadata": { "name": name }, "spec": spec })
}

fn families(service: &Value) -> (Value, Value) {
    let spec = &service["spec"];
    (spec["ipFamilies"].clone(), spec["ipFamilyPolicy"].clone())
}

#[tokio::test]
async fn a_cluster_of_one_family_refuses_the_other_in_upstreams_words() {
    let api = Api::start().await;
    for (spec, message) in [
        (
            json!({ "ipFamilyPolicy": "RequireDualStack" }),
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
        ),
        (
            json!({ "ipFamilies": ["IPv6"] }),
            "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
        (
            json!({ "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack" }),
            "spec.ipFamilies[1]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
        (
            json!({ "clusterIP": "fd00::1" }),
            "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
    ] {
        let refused = api.post(PATH, service("web", spec)).await;
        assert_eq!(refused.code, 422, "{}", refused.body);
        assert!(refused.message().contains(message), "{}", refused.body);
    }
    let made = api
        .post(PATH, service("plain", json!({})))
        .await
        .expect(201);
    assert_eq!(families(&made), (json!(["IPv4"]), json!("SingleStack")));
    let prefers = json!({ "ipFamilyPolicy": "PreferDualStack" });
    let made = api
        .post(PATH, service("prefers", prefers))
        .await
        .expect(201);
    assert_eq!(families(&made), (json!(["IPv4"]), json!("PreferDualStack")));
    let none = json!({ "clusterIP": "None", "selector": null });
    let made = api.post(PATH, service("none", none)).await.expect(201);
    assert_eq!(
        families(&made),
        (json!(["IPv4", "IPv6"]), json!("RequireDualStack"))
    );
    // A change that says nothing of families keeps them.
    let kept = api
        .put(&format!("{PATH}/prefers"), service("prefers", json!({})))
        .await;
    assert_eq!(
        families(&kept.expect(200)),
        (json!(["IPv4"]), json!("PreferDualStack"))
    );
}

#[tokio::test]
async fn one_number_over_two_protocols_is_one_node_port() {
    let api = Api::start().await;
    let ports =
        json!([{ "name": "tcp", "port": 53 }, { "name": "udp", "port": 53, "protocol": "UDP" }]);
    let made = api
        .post(
            PATH,
            service("names", json!({ "type": "NodePort", "ports": ports })),
        )
        .await
        .expect(201);
    let number = &made["spec"]["ports"][0]["nodePort"];
    assert!(number.is_u64());
    assert_eq!(*number, made["spec"]["ports"][1]["nodePort"]);
    let asked = json!([{ "name": "tcp", "port": 53, "nodePort": 30100 },
        { "name": "udp", "port": 54, "protocol": "UDP", "nodePort": 30100 }]);
    let asked = service("asked", json!({ "type": "NodePort", "ports": asked }));
    api.post(PATH, asked).await.expect(201);
}

#[tokio::test]
async fn a_balancer_that_keeps_to_its_node_has_a_port_for_its_health() {
    let api = Api::start().await;
    let local = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local" });
    let made = api.post(PATH, service("web", local)).await.expect(201);
    let number = made["spec"]["healthCheckNodePort"].as_u64().unwrap();
    assert_ne!(made["spec"]["ports"][0]["nodePort"], number);
    let path = format!("{PATH}/web");
    let cluster = json!({ "spec": { "externalTrafficPolicy": "Cluster" } });
    let changed = api.patch(&path, "merge", cluster).await.expect(200);
    assert_eq!(changed["spec"].get("healthCheckNodePort"), None);
    let again =
        json!({ "spec": { "externalTrafficPolicy": "Local", "healthCheckNodePort": number } });
    let changed = api.patch(&path, "merge", again).await.expect(200);
    assert_eq!(changed["spec"]["healthCheckNodePort"], number);
    let taken = json!({ "type": "NodePort", "ports": [{ "port": 1, "nodePort": number }] });
    assert_eq!(api.post(PATH, service("other", taken)).await.code, 422);
}
