//! Making, reading, changing and removing objects.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use serde_json::{Value, json};
use support::{Api, DEPLOYMENTS, MAPS, PODS, config_map, deployment, pod};

#[tokio::test]
async fn a_new_object_gets_what_only_the_server_gives() {
    let api = Api::start().await;
    let map = api.post(MAPS, config_map("a")).await.expect(201);
    assert_eq!(map["metadata"]["namespace"], "default");
    assert_eq!(map["metadata"]["creationTimestamp"], "2026-01-01T00:00:00Z");
    assert!(map["metadata"]["uid"].as_str().unwrap().len() == 36);
    assert_eq!(api.get(&format!("{MAPS}/a")).await.expect(200), map);
    let again = api.post(MAPS, config_map("a")).await;
    assert_eq!(
        (again.code, again.message()),
        (409, r#"configmaps "a" already exists"#)
    );
}

#[tokio::test]
async fn names_are_generated() {
    let api = Api::start().await;
    let mut map = config_map("");
    map["metadata"] = json!({ "generateName": "web-" });
    let first = api.post(MAPS, map.clone()).await.expect(201);
    let second = api.post(MAPS, map).await.expect(201);
    let name = |map: &Value| map["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name(&first).starts_with("web-") && name(&first).len() == 9);
    assert_ne!(name(&first), name(&second));
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let api = Api::start().await;
    let path = format!("{MAPS}?dryRun=All");
    api.post(&path, config_map("a")).await.expect(201);
    api.get(&format!("{MAPS}/a")).await.expect(404);
    api.post(MAPS, config_map("a")).await.expect(201);
    let change = json!({ "data": { "key": "other" } });
    let changed = api
        .patch(&format!("{MAPS}/a?dryRun=All"), "merge", change)
        .await
        .expect(200);
    assert_eq!(changed["data"]["key"], "other");
    api.delete(&format!("{MAPS}/a?dryRun=All"))
        .await
        .expect(200);
    assert_eq!(
        api.get(&format!("{MAPS}/a")).await.expect(200)["data"]["key"],
        "value"
    );
}

#[tokio::test]
async fn an_update_must_be_based_on_the_newest_state() {
    let api = Api::start().await;
    let path = format!("{MAPS}/a");
    let old = api.post(MAPS, config_map("a")).await.expect(201);
    let mut new = old.clone();
    new["data"]["key"] = json!("other");
    let stored = api.put(&path, new.clone()).await.expect(200);
    assert_ne!(
        stored["metadata"]["resourceVersion"],
        old["metadata"]["resourceVersion"]
    );
    let stale = api.put(&path, new).await;
    assert_eq!(stale.code, 409);
    assert_eq!(
        stale.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please \
         apply your changes to the latest version and try again"
    );
    api.put(&path, config_map("a")).await.expect(200);
    let missing = api.put(&format!("{MAPS}/b"), config_map("b")).await;
    assert_eq!(
        (missing.code, missing.message()),
        (404, r#"configmaps "b" not found"#)
    );
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_not_stored() {
    let api = Api::start().await;
    let stored = api.post(MAPS, config_map("a")).await.expect(201);
    let same = api
        .put(&format!("{MAPS}/a"), config_map("a"))
        .await
        .expect(200);
    assert_eq!(same, stored);
    let change = json!({ "data": { "key": "value" } });
    let same = api
        .patch(&format!("{MAPS}/a"), "merge", change)
        .await
        .expect(200);
    assert_eq!(same, stored);
}

#[tokio::test]
async fn the_generation_counts_changes_of_the_specification() {
    let api = Api::start().await;
    let path = format!("{DEPLOYMENTS}/web");
    let made = api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    assert_eq!(made["metadata"]["generation"], 1);
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let labelled = api.patch(&path, "merge", label).await.expect(200);
    assert_eq!(labelled["metadata"]["generation"], 1);
    let scale = json!({ "spec": { "replicas": 3 } });
    let scaled = api.patch(&path, "strategic-merge", scale).await.expect(200);
    assert_eq!(scaled["metadata"]["generation"], 2);
    let status = json!({ "status": { "replicas": 3 }, "spec": { "replicas": 9 } });
    let status = api
        .patch(&format!("{path}/status"), "merge", status)
        .await
        .expect(200);
    assert_eq!(status["metadata"]["generation"], 2);
    assert_eq!(
        (&status["status"]["replicas"], &status["spec"]["replicas"]),
        (&json!(3), &json!(3))
    );
    let ignored = json!({ "status": { "replicas": 7 } });
    let ignored = api.patch(&path, "merge", ignored).await.expect(200);
    assert_eq!(ignored["status"]["replicas"], 3);
}

#[tokio::test]
async fn patches_of_all_kinds_change_what_they_name() {
    let api = Api::start().await;
    let path = format!("{DEPLOYMENTS}/web");
    api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    let image = |object: &Value| object["spec"]["template"]["spec"]["containers"].clone();
    let patch = json!({ "spec": { "template": { "spec": { "containers": [
        { "name": "main", "image": "two" } ] } } } });
    let patched = api.patch(&path, "strategic-merge", patch).await.expect(200);
    assert_eq!(image(&patched)[0]["image"], "two");
    let patch = json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image",
        "value": "three" }]);
    let patched = api.patch(&path, "json", patch).await.expect(200);
    assert_eq!(image(&patched)[0]["image"], "three");
    let missing = json!([{ "op": "remove", "path": "/spec/nothing" }]);
    let refused = api.patch(&path, "json", missing).await;
    assert_eq!(refused.code, 422, "{}", refused.body);
    let stale = json!({ "metadata": { "resourceVersion": "1" } });
    api.patch(&path, "merge", stale).await.expect(409);
}

#[tokio::test]
async fn apply_makes_what_is_not_there_and_changes_what_is() {
    let api = Api::start().await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let made = api.patch(&path, "apply", config_map("a")).await.expect(201);
    assert_eq!(made["data"]["key"], "value");
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "one");
    assert_eq!(
        api.patch(&path, "apply", config_map("a")).await.expect(200),
        made
    );
    let mut map = config_map("a");
    map["data"]["key"] = json!("other");
    let changed = api.patch(&path, "apply", map).await.expect(200);
    assert_eq!(changed["data"]["key"], "other");
    let nameless = api
        .patch(&format!("{MAPS}/a"), "apply", config_map("a"))
        .await;
    assert!(
        nameless.message().contains("fieldManager: Required value"),
        "{}",
        nameless.body
    );
}

#[tokio::test]
async fn apply_removes_what_the_same_manager_applied_before_and_no_more() {
    let api = Api::start().await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let map = |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data });
    api.patch(&path, "apply", map(json!({ "a": "1", "b": "2" })))
        .await
        .expect(201);
    let beside = json!({ "data": { "c": "3" } });
    api.patch(&format!("{MAPS}/a"), "merge", beside)
        .await
        .expect(200);
    let less = api
        .patch(&path, "apply", map(json!({ "a": "1" })))
        .await
        .expect(200);
    assert_eq!(less["data"], json!({ "a": "1", "c": "3" }));
    let other = format!("{MAPS}/a?fieldManager=two");
    let conflict = api.patch(&other, "apply", map(json!({ "a": "9" }))).await;
    assert_eq!(
        (conflict.code, &conflict.body["reason"]),
        (409, &json!("Conflict"))
    );
    assert_eq!(
        conflict.body["details"]["causes"][0]["reason"],
        "FieldManagerConflict"
    );
    let forced = format!("{other}&force=true");
    let forced = api
        .patch(&forced, "apply", map(json!({ "a": "9" })))
        .await
        .expect(200);
    assert_eq!(forced["data"]["a"], "9");
}

#[tokio::test]
async fn apply_merges_lists_by_their_keys() {
    let api = Api::start().await;
    let path = |manager: &str| format!("{DEPLOYMENTS}/web?fieldManager={manager}");
    api.patch(&path("one"), "apply", deployment("web"))
        .await
        .expect(201);
    let sidecar = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web" },
        "spec": { "template": { "spec": { "containers": [{ "name": "log", "image": "l" }] } } },
    });
    let both = api.patch(&path("two"), "apply", sidecar).await.expect(200);
    let containers = both["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    let names: Vec<&Value> = containers
        .iter()
        .map(|container| &container["name"])
        .collect();
    assert_eq!(names, ["main", "log"]);
    let again = api
        .patch(&path("one"), "apply", deployment("web"))
        .await
        .expect(200);
    assert_eq!(again, both);
    let status = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web" },
        "status": { "replicas": 2 },
        "spec": { "replicas": 7 },
    });
    let status_path = format!("{DEPLOYMENTS}/web/status?fieldManager=one");
    let applied = api.patch(&status_path, "apply", status).await.expect(200);
    assert_eq!(applied["status"]["replicas"], 2);
    assert_eq!(applied["spec"], both["spec"]);
    assert_eq!(
        api.patch(&path("one"), "apply", deployment("web"))
            .await
            .expect(200),
        applied
    );
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let api = Api::start().await;
    let path = format!("{MAPS}/a");
    let mut map = config_map("a");
    map["metadata"]["finalizers"] = json!(["example.com/hold"]);
    api.post(MAPS, map).await.expect(201);
    let marked = api.delete(&path).await.expect(200);
    assert_eq!(
        marked["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(api.delete(&path).await.expect(200), marked);
    let release = json!({ "metadata": { "finalizers": null } });
    api.patch(&path, "merge", release).await.expect(200);
    api.get(&path).await.expect(404);
}

#[tokio::test]
async fn deletion_follows_its_policy_and_preconditions() {
    let api = Api::start().await;
    let path = format!("{DEPLOYMENTS}/web");
    let made = api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    let other = json!({ "preconditions": { "uid": "other" } });
    let refused = api.delete_with(&path, other).await;
    assert_eq!(refused.code, 409);
    assert!(
        refused.message().contains("UID in precondition: other"),
        "{}",
        refused.body
    );
    let foreground = json!({ "propagationPolicy": "Foreground" });
    let marked = api.delete_with(&path, foreground).await.expect(200);
    assert_eq!(
        marked["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    let background = api
        .delete(&format!("{path}?propagationPolicy=Background"))
        .await
        .expect(200);
    assert_eq!(background["status"], "Success");
    assert_eq!(background["details"]["uid"], made["metadata"]["uid"]);
    api.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_pod_on_a_node_goes_when_its_node_says_so() {
    let api = Api::start().await;
    let path = format!("{PODS}/a");
    api.post(PODS, pod("a")).await.expect(201);
    let binding = json!({ "metadata": { "name": "a" }, "target": { "kind": "Node", "name": "n" } });
    api.post(&format!("{path}/binding"), binding.clone())
        .await
        .expect(201);
    api.post(&format!("{path}/binding"), binding)
        .await
        .expect(409);
    let bound = api.get(&path).await.expect(200);
    assert_eq!(bound["spec"]["nodeName"], "n");
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    let marked = api.delete(&path).await.expect(200);
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(
        marked["metadata"]["deletionTimestamp"],
        "2026-01-01T00:00:30Z"
    );
    api.delete_with(&path, json!({ "gracePeriodSeconds": 0 }))
        .await
        .expect(200);
    api.get(&path).await.expect(404);
    api.post(PODS, pod("free")).await.expect(201);
    api.delete(&format!("{PODS}/free")).await.expect(200);
    api.get(&format!("{PODS}/free")).await.expect(404);
}

#[tokio::test]
async fn an_eviction_respects_disruption_budgets() {
    let api = Api::start().await;
    let mut web = pod("web");
    web["metadata"]["labels"] = json!({ "app": "web" });
    api.post(PODS, web).await.expect(201);
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({ "metadata": { "name": "b" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } } });
    api.post(budgets, budget).await.expect(201);
    let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": { "name": "web", "namespace": "default" } });
    let path = format!("{PODS}/web/eviction");
    let evict = || api.post(&path, eviction.clone());
    let running = json!({ "status": { "phase": "Running",
        "conditions": [{ "type": "Ready", "status": "True" }] } });
    api.patch(&format!("{PODS}/web/status"), "merge", running)
        .await
        .expect(200);
    let refused = evict().await;
    let cause = |reply: &support::Reply| reply.body["details"]["causes"][0]["message"].clone();
    assert_eq!(
        cause(&refused),
        "The disruption budget b is still being processed by the server."
    );
    assert_eq!(refused.headers["retry-after"], "10");
    let full = json!({ "status": { "observedGeneration": 1, "desiredHealthy": 1,
        "currentHealthy": 1, "disruptionsAllowed": 0 } });
    api.patch(&format!("{budgets}/b/status"), "merge", full)
        .await
        .expect(200);
    let refused = evict().await;
    assert_eq!(refused.code, 429);
    assert_eq!(
        refused.message(),
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(
        cause(&refused),
        "The disruption budget b needs 1 healthy pods and has 1 currently"
    );
    let allow = json!({ "status": { "disruptionsAllowed": 1 } });
    api.patch(&format!("{budgets}/b/status"), "merge", allow)
        .await
        .expect(200);
    evict().await.expect(201);
    api.get(&format!("{PODS}/web")).await.expect(404);
    let counted = api.get(&format!("{budgets}/b")).await.expect(200);
    assert_eq!(counted["status"]["disruptionsAllowed"], 0);
    assert!(counted["status"]["disruptedPods"]["web"].is_string());
}

#[tokio::test]
async fn the_scale_of_a_deployment_reads_and_writes_its_replicas() {
    let api = Api::start().await;
    let path = format!("{DEPLOYMENTS}/web");
    api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    let mut scale = api.get(&format!("{path}/scale")).await.expect(200);
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["status"]["selector"], "app=web");
    scale["spec"]["replicas"] = json!(5);
    let scaled = api
        .put(&format!("{path}/scale"), scale.clone())
        .await
        .expect(200);
    assert_eq!(scaled["spec"]["replicas"], 5);
    assert_eq!(
        api.get(&path).await.expect(200)["metadata"]["generation"],
        2
    );
    api.put(&format!("{path}/scale"), scale).await.expect(409);
    let patch = json!({ "spec": { "replicas": 1 } });
    api.patch(&format!("{path}/scale"), "merge", patch)
        .await
        .expect(200);
    assert_eq!(api.get(&path).await.expect(200)["spec"]["replicas"], 1);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let api = Api::start().await;
    for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = json!({ "app": app });
        api.post(MAPS, map).await.expect(201);
    }
    let deleted = api
        .delete(&format!("{MAPS}?labelSelector=app%3Dx"))
        .await
        .expect(200);
    assert_eq!(deleted["items"].as_array().unwrap().len(), 2);
    let left = api.get(MAPS).await.expect(200);
    assert_eq!(left["items"][0]["metadata"]["name"], "c");
}

#[tokio::test]
async fn a_namespace_waits_for_its_finalizer_and_takes_nothing_new_meanwhile() {
    let api = Api::start().await;
    let namespaces = "/api/v1/namespaces";
    let namespace = json!({ "metadata": { "name": "n" } });
    let made = api.post(namespaces, namespace).await.expect(201);
    assert_eq!(
        made["metadata"]["labels"]["kubernetes.io/metadata.name"],
        "n"
    );
    assert_eq!(made["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(made["status"]["phase"], "Active");
    let mut going = api.delete(&format!("{namespaces}/n")).await.expect(200);
    assert_eq!(going["status"]["phase"], "Terminating");
    let refused = api
        .post(&format!("{namespaces}/n/configmaps"), config_map("a"))
        .await;
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message(),
        "configmaps \"a\" is forbidden: unable to create new content in namespace n because it is \
         being terminated"
    );
    assert_eq!(
        refused.body["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    going["spec"]["finalizers"] = json!([]);
    api.put(&format!("{namespaces}/n/finalize"), going)
        .await
        .expect(200);
    api.get(&format!("{namespaces}/n")).await.expect(404);
    let missing = api
        .post(&format!("{namespaces}/n/configmaps"), config_map("a"))
        .await;
    assert_eq!(
        (missing.code, missing.message()),
        (404, r#"namespaces "n" not found"#)
    );
}

#[tokio::test]
async fn services_get_addresses_and_node_ports() {
    let api = Api::start().await;
    let path = "/api/v1/namespaces/default/services";
    let service = |name: &str, spec: Value| {
        let mut service =
            json!({ "metadata": { "name": name }, "spec": { "ports": [{ "port": 80 }] } });
        json_patch_merge(&mut service["spec"], spec);
        service
    };
    let first = api.post(path, service("a", json!({}))).await.expect(201);
    assert_eq!(first["spec"]["clusterIP"], "10.96.0.2");
    let headless = api
        .post(path, service("b", json!({ "clusterIP": "None" })))
        .await
        .expect(201);
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let taken = api
        .post(path, service("c", json!({ "clusterIP": "10.96.0.2" })))
        .await;
    assert_eq!(taken.code, 422);
    assert!(
        taken.message().contains("provided IP is already allocated"),
        "{}",
        taken.body
    );
    let open = api
        .post(path, service("d", json!({ "type": "NodePort" })))
        .await
        .expect(201);
    assert_eq!(open["spec"]["ports"][0]["nodePort"], 30000);
    let clash = json!({ "type": "NodePort", "ports": [{ "name": "a", "port": 1 },
        { "name": "b", "port": 2, "nodePort": 30000 }] });
    let clash = api.post(path, service("f", clash)).await;
    assert!(
        clash.message().contains("spec.ports[1].nodePort"),
        "{}",
        clash.body
    );
    let close = json!({ "spec": { "type": "ClusterIP" } });
    let closed = api
        .patch(&format!("{path}/d"), "merge", close)
        .await
        .expect(200);
    assert_eq!(closed["spec"]["ports"][0].get("nodePort"), None);
    let open = api
        .post(path, service("g", json!({ "type": "NodePort" })))
        .await
        .expect(201);
    assert_eq!(open["spec"]["ports"][0]["nodePort"], 30000);
    assert_eq!(open["spec"]["clusterIP"], "10.96.0.4");
    let moved = json!({ "spec": { "clusterIP": "10.96.0.9" } });
    let refused = api.patch(&format!("{path}/a"), "merge", moved).await;
    assert!(
        refused.message().contains("may not change once set"),
        "{}",
        refused.body
    );
    api.delete(&format!("{path}/a")).await.expect(200);
    let again = api.post(path, service("e", json!({}))).await.expect(201);
    assert_eq!(again["spec"]["clusterIP"], "10.96.0.2");
}

fn json_patch_merge(target: &mut Value, patch: Value) {
    let (Some(target), Value::Object(patch)) = (target.as_object_mut(), patch) else {
        return;
    };
    target.extend(patch);
}

#[tokio::test]
async fn events_have_two_forms() {
    let api = Api::start().await;
    let event = json!({
        "metadata": { "name": "e" },
        "involvedObject": { "kind": "Pod", "name": "p", "namespace": "default" },
        "reason": "Started", "message": "it runs", "type": "Normal", "count": 2,
    });
    api.post("/api/v1/namespaces/default/events", event)
        .await
        .expect(201);
    let newer = "/apis/events.k8s.io/v1/namespaces/default/events";
    let seen = api.get(&format!("{newer}/e")).await.expect(200);
    assert_eq!(seen["apiVersion"], "events.k8s.io/v1");
    assert_eq!(
        (&seen["note"], &seen["regarding"]["name"]),
        (&json!("it runs"), &json!("p"))
    );
    let event = json!({
        "metadata": { "name": "f" }, "regarding": { "kind": "Pod", "name": "q" }, "note": "again",
        "reason": "Started", "type": "Normal", "action": "a", "reportingController": "c",
        "reportingInstance": "i", "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    api.post(newer, event).await.expect(201);
    let selector = "/api/v1/events?fieldSelector=involvedObject.name%3Dq";
    let found = api.get(selector).await.expect(200);
    assert_eq!(found["items"][0]["message"], "again");
}

#[tokio::test]
async fn secrets_encode_the_text_they_are_given() {
    let api = Api::start().await;
    let path = "/api/v1/namespaces/default/secrets";
    let secret = json!({ "metadata": { "name": "s" }, "stringData": { "a": "text" } });
    let made = api.post(path, secret).await.expect(201);
    assert_eq!(made["data"]["a"], "dGV4dA==");
    assert_eq!(
        (made.get("stringData"), &made["type"]),
        (None, &json!("Opaque"))
    );
}

#[tokio::test]
async fn the_network_of_services_can_be_looked_up() {
    let api = Api::start().await;
    let path = "/apis/networking.k8s.io/v1/servicecidrs/kubernetes";
    let network = api.get(path).await.expect(200);
    assert_eq!(network["spec"]["cidrs"], json!(["10.96.0.0/16"]));
}
