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

#[tokio::test]
async fn events_are_found_by_the_names_that_either_group_has_for_their_fields() {
    let api = Api::start().await;
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Do", "reason": "Done",
        "type": "Normal", "reportingController": "tester", "reportingInstance": "one",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    });
    let events = "/apis/events.k8s.io/v1/namespaces/default/events";
    api.post(events, event).await.expect(201);
    for query in [
        "/api/v1/namespaces/default/events?fieldSelector=source%3Dtester",
        "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=reportingController%3Dtester",
        "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp",
    ] {
        let listed = api.get(query).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{query}");
    }
    let other = "/api/v1/namespaces/default/events?fieldSelector=source%3Dother";
    assert_eq!(api.get(other).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn what_is_only_asked_is_no_table() {
    let api = Api::start().await;
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}},
    });
    let ask = async |accept: &str| {
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .header("content-type", "application/json")
            .header("accept", accept);
        let body = axum::body::Body::from(question.to_string());
        api.send(request.body(body).unwrap()).await
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    ask(table).await.expect(406);
    ask(&format!("{table},application/json")).await.expect(201);
}

#[tokio::test]
async fn an_apply_names_unknown_and_repeated_fields_as_upstream_does() {
    let api = Api::start().await;
    let apply = async |query: &str, body: &str| {
        let path = format!("{MAPS}/m?fieldManager=me{query}");
        let reply = api
            .raw(
                "PATCH",
                &path,
                "application/apply-patch+yaml",
                body.to_owned(),
            )
            .await;
        (reply.code, reply.message().to_owned())
    };
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  namespace: default\n";
    let (code, message) = apply("", &format!("{head}  colour: red\n")).await;
    assert_eq!(
        (code, message.as_str()),
        (
            500,
            "failed to create typed patch object (default/m; v1, Kind=ConfigMap): \
             .metadata.colour: field not declared in schema"
        )
    );
    let repeated = format!("{head}data:\n  a: one\n  a: two\n");
    let (code, message) = apply("&fieldValidation=Strict", &repeated).await;
    assert_eq!(code, 400);
    assert!(
        message.ends_with("line 8: key \"a\" already set in map"),
        "{message}"
    );
    let (code, _) = apply("", &repeated).await;
    assert_eq!(code, 201);
}
