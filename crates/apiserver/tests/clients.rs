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
