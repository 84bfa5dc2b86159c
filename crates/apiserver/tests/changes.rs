//! What may change in built-in objects, and what goes along with it.

mod support;

use serde_json::{Value, json};
use support::Api;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn what_a_type_of_service_needs_goes_with_the_type() {
    let api = Api::start().await;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "spec": { "type": "LoadBalancer", "loadBalancerClass": "a/b", "ports": [{ "port": 80 }] } });
    let made = api.post(SERVICES, service).await.expect(201);
    assert_eq!(made["spec"]["externalTrafficPolicy"], "Cluster");
    assert_eq!(made["spec"]["allocateLoadBalancerNodePorts"], true);
    let path = format!("{SERVICES}/s");
    let patch = |spec: Value| api.patch(&path, "merge", json!({ "spec": spec }));
    let inner = patch(json!({ "type": "ClusterIP" })).await.expect(200);
    for field in [
        "externalTrafficPolicy",
        "allocateLoadBalancerNodePorts",
        "loadBalancerClass",
    ] {
        assert!(inner["spec"].get(field).is_none(), "{field}: {inner}");
    }
    assert!(inner["spec"]["ports"][0].get("nodePort").is_none());
    assert_eq!(inner["spec"]["clusterIP"], made["spec"]["clusterIP"]);
    let named = patch(json!({ "type": "ExternalName", "externalName": "example.com" }));
    let named = named.await.expect(200);
    assert!(named["spec"].get("clusterIP").is_none(), "{named}");
    let again = patch(json!({ "type": "ClusterIP", "externalName": null }));
    let again = again.await.expect(200);
    assert_ne!(again["spec"]["clusterIP"], Value::Null);
    let other = patch(json!({ "clusterIP": "10.96.7.7", "clusterIPs": ["10.96.7.7"] })).await;
    assert_eq!(other.code, 422);
    assert!(
        other
            .message()
            .contains("spec.clusterIPs[0]: Invalid value"),
        "{}",
        other.body
    );
}

#[tokio::test]
async fn a_job_selects_by_the_generated_label_unless_it_is_manual() {
    let api = Api::start().await;
    let job = |spec: Value| {
        let mut job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" },
            "spec": { "template": { "metadata": { "labels": { "a": "b" } }, "spec": {
                "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] } } } });
        if let (Value::Object(all), Value::Object(spec)) = (&mut job["spec"], spec) {
            all.extend(spec);
        }
        job
    };
    let selector = json!({ "selector": { "matchLabels": { "a": "b" } } });
    let refused = api.post(JOBS, job(selector.clone())).await;
    assert_eq!(refused.code, 422);
    assert!(
        refused.message().contains("`selector` not auto-generated"),
        "{}",
        refused.body
    );
    let mut manual = selector;
    manual["manualSelector"] = json!(true);
    api.post(JOBS, job(manual)).await.expect(201);
    api.patch(
        &format!("{JOBS}/j"),
        "merge",
        json!({ "spec": { "parallelism": 3 } }),
    )
    .await
    .expect(200);
}

#[tokio::test]
async fn owners_are_named_in_full_and_one_controls() {
    let api = Api::start().await;
    let owner = |name: &str| json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": true });
    let map = |owners: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "ownerReferences": owners } });
    let refused = api.post(MAPS, map(json!([owner("x"), owner("y")]))).await;
    assert_eq!(refused.code, 422);
    assert!(
        refused
            .message()
            .contains("Found \"true\" in references for x and y"),
        "{}",
        refused.body
    );
    let refused = api
        .post(
            MAPS,
            map(json!([{ "kind": "Pod", "apiVersion": "v1", "name": "x", "uid": "" }])),
        )
        .await;
    assert!(
        refused.message().contains(
            "metadata.ownerReferences[0].uid: Invalid value: \"\": uid must not be empty"
        ),
        "{}",
        refused.body
    );
}
