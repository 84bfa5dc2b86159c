//! Lists, watches, tables and discovery.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use axum::Extension;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use seatrial_store::Store;
use serde_json::{Value, json};
use support::{Api, MAPS, PODS, config_map, pod, summary};
use tower::ServiceExt as _;

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_cut_into_pages_of_one_moment() {
    let api = Api::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        api.post(MAPS, config_map(name)).await.expect(201);
    }
    let first = api.get(&format!("{MAPS}?limit=2")).await.expect(200);
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    api.delete(&format!("{MAPS}/d")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let next = api
        .get(&format!("{MAPS}?limit=2&continue={token}"))
        .await
        .expect(200);
    assert_eq!(names(&next), ["c", "d"]);
    assert_eq!(
        next["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let token = next["metadata"]["continue"].as_str().unwrap();
    let last = api
        .get(&format!("{MAPS}?limit=2&continue={token}"))
        .await
        .expect(200);
    assert_eq!(
        (names(&last), last["metadata"].get("continue")),
        (vec!["e"], None)
    );
    api.server
        .state()
        .store
        .compact(api.server.state().store.revision());
    let expired = api.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!(
        (expired.code, &expired.body["reason"]),
        (410, &json!("Expired"))
    );
}

#[tokio::test]
async fn a_list_is_selected_by_labels_and_fields() {
    let api = Api::start().await;
    for (name, app) in [("a", "x"), ("b", "y")] {
        let mut one = pod(name);
        one["metadata"]["labels"] = json!({ "app": app });
        api.post(PODS, one).await.expect(201);
    }
    let binding = json!({ "target": { "name": "n" } });
    api.post(&format!("{PODS}/b/binding"), binding)
        .await
        .expect(201);
    let cases = [
        ("labelSelector=app%3Dx", vec!["a"]),
        ("labelSelector=app+in+(x,y),app!%3Dx", vec!["b"]),
        ("fieldSelector=spec.nodeName%3Dn", vec!["b"]),
        ("fieldSelector=spec.nodeName%3D", vec!["a"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        (
            "fieldSelector=metadata.name%3Db,status.phase!%3DPending",
            vec![],
        ),
    ];
    for (query, expected) in cases {
        for path in [PODS, "/api/v1/pods"] {
            let list = api.get(&format!("{path}?{query}")).await.expect(200);
            assert_eq!(names(&list), expected, "{query}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_sends_what_exists_then_what_changes() {
    let api = Api::start().await;
    let list = api.get(MAPS).await.expect(200);
    let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
    api.post(MAPS, config_map("a")).await.expect(201);
    let patch = json!({ "data": { "key": "other" } });
    api.patch(&format!("{MAPS}/a"), "merge", patch)
        .await
        .expect(200);
    api.delete(&format!("{MAPS}/a")).await.expect(200);
    api.post(MAPS, config_map("b")).await.expect(201);
    let since = format!("{MAPS}?watch=true&timeoutSeconds=5&resourceVersion={revision}");
    let events = api.watch(&since).await;
    assert_eq!(
        summary(&events),
        ["ADDED a", "MODIFIED a", "DELETED a", "ADDED b"]
    );
    let deleted = &events[2]["object"]["metadata"]["resourceVersion"];
    assert_ne!(deleted, &events[1]["object"]["metadata"]["resourceVersion"]);
    let now = api
        .watch(&format!("{MAPS}?watch=true&timeoutSeconds=5"))
        .await;
    assert_eq!(summary(&now), ["ADDED b"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_may_ask_for_more_time_than_a_clock_can_hold() {
    let api = Api::start().await;
    let path = format!("{MAPS}?watch=1&timeoutSeconds=18446744073709551615");
    let watch = api.watch(&path);
    let quiet = tokio::time::timeout(std::time::Duration::from_secs(5), watch).await;
    assert!(quiet.is_err(), "it ended: {quiet:?}");
}

#[tokio::test(start_paused = true)]
async fn a_selecting_watch_sees_objects_enter_and_leave() {
    let api = Api::start().await;
    let revision = api.server.state().store.revision();
    api.post(MAPS, config_map("a")).await.expect(201);
    for value in ["x", "y"] {
        let patch = json!({ "metadata": { "labels": { "app": value } } });
        api.patch(&format!("{MAPS}/a"), "merge", patch)
            .await
            .expect(200);
    }
    let query =
        format!("watch=1&timeoutSeconds=5&resourceVersion={revision}&labelSelector=app%3Dx");
    let events = api.watch(&format!("{MAPS}?{query}")).await;
    assert_eq!(summary(&events), ["ADDED a", "DELETED a"]);
    // As upstream: it goes as this watcher saw it last, at the revision of the change that it does not see.
    let (before, gone) = (&events[0]["object"], &events[1]["object"]);
    assert_eq!(gone["metadata"]["labels"], before["metadata"]["labels"]);
    let revision = |object: &Value| -> u64 {
        let text = object["metadata"]["resourceVersion"].as_str().unwrap();
        text.parse().unwrap()
    };
    assert!(revision(gone) > revision(before), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn quiet_watchers_are_sent_bookmarks() {
    let api = Api::start().await;
    let query = "watch=1&timeoutSeconds=150&allowWatchBookmarks=true";
    let events = api.watch(&format!("{MAPS}?{query}")).await;
    assert_eq!(summary(&events), ["BOOKMARK", "BOOKMARK"]);
    assert_eq!(events[0]["object"]["kind"], "ConfigMap");
    assert!(events[0]["object"]["metadata"]["resourceVersion"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_watch_list_marks_the_end_of_what_exists() {
    let api = Api::start().await;
    api.post(MAPS, config_map("a")).await.expect(201);
    let query = "watch=1&timeoutSeconds=5&allowWatchBookmarks=true&sendInitialEvents=true";
    let path = format!("{MAPS}?{query}&resourceVersionMatch=NotOlderThan");
    let events = api.watch(&path).await;
    assert_eq!(summary(&events), ["ADDED a", "BOOKMARK"]);
    let annotations = &events[1]["object"]["metadata"]["annotations"];
    assert_eq!(annotations["k8s.io/initial-events-end"], "true");
    let refused = api.get(&format!("{MAPS}?{query}")).await;
    assert_eq!(refused.code, 422, "{}", refused.body);
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_revision_is_told_so() {
    let api = Api::over(Store::memory_with_log(2)).await;
    for name in ["a", "b", "c", "d"] {
        api.post(MAPS, config_map(name)).await.expect(201);
    }
    let events = api
        .watch(&format!("{MAPS}?watch=1&resourceVersion=5"))
        .await;
    assert_eq!(events[0]["type"], "ERROR");
    assert_eq!(
        (&events[0]["object"]["code"], events.len()),
        (&json!(410), 1)
    );
    let message = events[0]["object"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("too old resource version: 5 ("),
        "{message}"
    );
}

#[tokio::test]
async fn tables_show_what_kubectl_prints() {
    let api = Api::start().await;
    api.post(PODS, pod("a")).await.expect(201);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = api.get_as(PODS, accept).await.expect(200);
    assert_eq!(table["kind"], "Table");
    let headings: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| column["priority"] == 0)
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(headings, ["Name", "Ready", "Status", "Restarts", "Age"]);
    let row = &table["rows"][0];
    assert_eq!(
        row["cells"].as_array().unwrap()[..5],
        ["a", "0/1", "Pending", "0", "0s"]
    );
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    let whole = api
        .get_as(&format!("{PODS}?includeObject=Object"), accept)
        .await
        .expect(200);
    assert_eq!(whole["rows"][0]["object"]["kind"], "Pod");
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let list = api.get_as(PODS, metadata).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0].get("spec"), None);
}

#[tokio::test]
async fn discovery_lists_every_group_in_both_forms() {
    let api = Api::start().await;
    let legacy = api.get("/apis").await.expect(200);
    let groups = legacy["groups"].as_array().unwrap().len();
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let aggregated = api.get_as("/apis", accept).await;
    let media = aggregated.headers["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(media.contains("as=APIGroupDiscoveryList"), "{media}");
    assert_eq!(
        aggregated.expect(200)["items"].as_array().unwrap().len(),
        groups
    );
    for group in legacy["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let path = format!("/apis/{}", version["groupVersion"].as_str().unwrap());
            assert_eq!(api.get(&path).await.expect(200)["kind"], "APIResourceList");
        }
    }
    let core = api.get_as("/api", accept).await.expect(200);
    let resources = core["items"][0]["versions"][0]["resources"]
        .as_array()
        .unwrap();
    let pods = resources
        .iter()
        .find(|one| one["resource"] == "pods")
        .unwrap();
    assert_eq!(
        (&pods["scope"], &pods["shortNames"]),
        (&json!("Namespaced"), &json!(["po"]))
    );
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(api.get(path).await.expect(200), "ok");
    }
}

#[tokio::test]
async fn large_replies_are_compressed_where_the_client_asks() {
    let api = Api::start().await;
    let mut map = config_map("a");
    map["data"]["key"] = json!("x".repeat(300 << 10));
    api.post(MAPS, map).await.expect(201);
    let request = || http::Request::builder().uri(MAPS);
    let plain = api
        .send(request().body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(plain.headers.get("content-encoding"), None);
    let asked = request().header("accept-encoding", "gzip");
    let shrunk = api
        .send(asked.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(shrunk.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn openapi_documents_describe_every_group_version() {
    let api = Api::start().await;
    let index = api.get("/openapi/v3").await.expect(200);
    let paths = index["paths"].as_object().unwrap();
    assert!(paths.contains_key("api/v1") && paths.contains_key("apis/apps/v1"));
    for entry in paths.values() {
        let address = entry["serverRelativeURL"].as_str().unwrap();
        assert_eq!(
            api.get(address).await.expect(200)["openapi"],
            "3.0.0",
            "{address}"
        );
    }
    let apps = api.get("/openapi/v3/apis/apps/v1").await.expect(200);
    let item = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    let parameters = apps["paths"][item]["patch"]["parameters"]
        .as_array()
        .unwrap();
    assert!(
        parameters
            .iter()
            .any(|parameter| parameter["name"] == "fieldValidation")
    );
    api.get("/openapi/v3/apis/none/v1").await.expect(404);
    let old = api.get("/openapi/v2").await.expect(200);
    assert_eq!(old["swagger"], "2.0");
    let mut lost = Vec::new();
    lost_references(&old, &old["definitions"], &mut lost);
    assert!(lost.is_empty(), "{lost:?}");
}

/// References to definitions that the document does not hold: a client that meets one gives up.
fn lost_references(value: &Value, definitions: &Value, lost: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(target) if name == "$ref" => {
                        let named = target.trim_start_matches("#/definitions/");
                        if definitions.get(named).is_none() {
                            lost.push(target.clone());
                        }
                    }
                    _ => lost_references(field, definitions, lost),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                lost_references(item, definitions, lost);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn long_lists_are_whole_in_every_form() {
    let api = Api::start().await;
    let names: Vec<String> = (0..300).map(|number| format!("m-{number:03}")).collect();
    for name in &names {
        let mut map = config_map(name);
        map["data"]["key"] = json!("x".repeat(1 << 10));
        api.post(MAPS, map).await.expect(201);
    }
    let plain = api.get(MAPS).await.expect(200);
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    for query in ["", "&includeObject=Object", "&includeObject=None"] {
        let path = format!("{MAPS}?limit=299{query}");
        let list = api.get_as(&path, table).await.expect(200);
        assert_eq!(list["metadata"]["remainingItemCount"], 1);
        let rows = list["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 299);
        for ((row, name), stored) in rows
            .iter()
            .zip(&names)
            .zip(plain["items"].as_array().unwrap())
        {
            assert_eq!(row["cells"], json!([name, 1, "0s"]));
            match query {
                "" => {
                    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
                    assert_eq!(row["object"]["metadata"], stored["metadata"]);
                }
                "&includeObject=Object" => assert_eq!(&row["object"], stored),
                _ => assert_eq!(row.get("object"), None),
            }
        }
    }
    let list = api.get_as(MAPS, partial).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["metadata"], plain["metadata"]);
    let metadata = |list: &Value| -> Vec<Value> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"].clone()).collect()
    };
    assert_eq!(metadata(&list), metadata(&plain));
    let request = http::Request::builder()
        .uri(format!("{MAPS}?includeObject=Object"))
        .header("accept", table)
        .header("accept-encoding", "gzip");
    let shrunk = api
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(shrunk.headers["content-encoding"], "gzip");
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_takes_nothing_of_a_long_list_is_given_up() {
    let api = Api::start().await;
    for number in 0..300 {
        api.post(MAPS, config_map(&format!("m{number:03}")))
            .await
            .expect(201);
    }
    let router = api.server.router().layer(Extension(Identity::admin()));
    let open = async || {
        let request = Request::builder().uri(format!("{MAPS}?watch=1&timeoutSeconds=3000"));
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().into_body()
    };
    let (mut idle, mut slow) = (open().await, open().await);
    // Who takes a little from time to time is waited for.
    for _ in 0..4 {
        slow.frame().await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_mins(4)).await;
    }
    assert!(slow.frame().await.is_some());
    assert!(idle.frame().await.is_none(), "it is still held");
}
