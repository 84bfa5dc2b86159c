//! What clients that others wrote rely on, each found by running one of them.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Api, DEPLOYMENTS, MAPS, config_map, deployment};

#[tokio::test]
async fn a_status_is_there_from_the_beginning() {
    let api = Api::start().await;
    let made = api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    assert_eq!(made["status"], json!({}));
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"}, "spec": {"minAvailable": 1},
    });
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let made = api.post(path, budget).await.expect(201);
    assert_eq!(made["status"]["disruptionsAllowed"], 0);
    let made = api.post(MAPS, config_map("m")).await.expect(201);
    assert!(made.get("status").is_none());
}

#[tokio::test]
async fn deleting_answers_with_the_object_where_upstream_does() {
    let api = Api::start().await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"ports": [{"port": 80}]},
    });
    let services = "/api/v1/namespaces/default/services";
    api.post(services, service).await.expect(201);
    let gone = api.delete(&format!("{services}/web")).await.expect(200);
    assert_eq!(gone["kind"], "Service");
    api.post(MAPS, config_map("m")).await.expect(201);
    let gone = api.delete(&format!("{MAPS}/m")).await.expect(200);
    assert_eq!(gone["kind"], "Status");
}

#[tokio::test]
async fn kinds_that_nothing_acts_on_are_kept_for_their_clients() {
    let api = Api::start().await;
    let level = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "slow"},
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}},
    });
    let path = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations";
    let made = api.post(path, level).await.expect(201);
    assert_eq!(
        made["spec"]["limited"],
        json!({
            "lendablePercent": 0, "nominalConcurrencyShares": 30,
            "limitResponse": {
                "type": "Queue", "queuing": {"handSize": 8, "queueLengthLimit": 50, "queues": 64},
            },
        })
    );
    for path in [
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        "/apis/networking.k8s.io/v1/ipaddresses",
        "/apis/networking.k8s.io/v1/servicecidrs",
        "/apis/node.k8s.io/v1/runtimeclasses",
        "/apis/storage.k8s.io/v1/csidrivers",
        "/apis/storage.k8s.io/v1/csinodes",
        "/apis/storage.k8s.io/v1/csistoragecapacities",
        "/apis/storage.k8s.io/v1/volumeattachments",
        "/apis/storage.k8s.io/v1/volumeattributesclasses",
        "/apis/resource.k8s.io/v1/deviceclasses",
        "/apis/resource.k8s.io/v1/resourceclaims",
        "/apis/resource.k8s.io/v1/resourceclaimtemplates",
        "/apis/resource.k8s.io/v1/resourceslices",
    ] {
        let listed = api.get(path).await.expect(200);
        assert_eq!(listed["items"], json!([]), "{path}");
    }
}
