//! Who owns which field, as clients see it: `metadata.managedFields` after every sort of write.

mod support;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use support::Api;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// The record in short: one line for each entry.
fn owners(object: &Value) -> String {
    let entries = object["metadata"]["managedFields"].as_array();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let words = ["manager", "operation", "apiVersion", "subresource"];
        let words: Vec<String> = words.iter().map(|name| text(entry, name)).collect();
        format!("{} {}\n", words.join(" ").trim_end(), entry["fieldsV1"])
    };
    entries.into_iter().flatten().map(line).collect()
}

fn check(object: &Value, expected: &Expect) {
    expected.assert_eq(&owners(object));
}

fn map(data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
}

fn deployment(spec: Value) -> Value {
    let mut object = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web" }, "spec": {
        "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "main", "image": "one" }] } } } });
    if let (Value::Object(spec), Value::Object(all)) = (spec, &mut object["spec"]) {
        all.extend(spec);
    }
    object
}

#[tokio::test]
async fn creators_and_updaters_own_what_they_write() {
    let api = Api::start().await;
    let made = api.post(MAPS, map(json!({ "a": "1", "b": "2" }))).await;
    let mut made = made.expect(201);
    check(
        &made,
        &expect![[r#"
        unknown Update v1 {"f:data":{".":{},"f:a":{},"f:b":{}}}
    "#]],
    );
    made["data"] = json!({ "a": "1", "b": "3", "c": "4" });
    let path = format!("{MAPS}/a?fieldManager=editor");
    let put = api.put(&path, made.clone()).await.expect(200);
    check(
        &put,
        &expect![[r#"
        editor Update v1 {"f:data":{"f:b":{},"f:c":{}}}
        unknown Update v1 {"f:data":{".":{},"f:a":{}}}
    "#]],
    );
    let again = api.put(&path, put.clone()).await.expect(200);
    assert_eq!(again, put);
    let less = json!({ "data": { "a": null } });
    let less = api
        .patch(&format!("{MAPS}/a?fieldManager=cutter"), "merge", less)
        .await
        .expect(200);
    check(
        &less,
        &expect![[r#"
        editor Update v1 {"f:data":{"f:b":{},"f:c":{}}}
        unknown Update v1 {"f:data":{}}
    "#]],
    );
}

#[tokio::test]
async fn defaults_belong_to_the_creator_and_the_status_to_who_reports_it() {
    let api = Api::start().await;
    let path = format!("{DEPLOYMENTS}?fieldManager=kubectl-create");
    let made = api.post(&path, deployment(json!({}))).await.expect(201);
    check(
        &made,
        &expect![[r#"
        kubectl-create Update apps/v1 {"f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},"f:selector":{},"f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}}}
    "#]],
    );
    let status = json!({ "status": { "replicas": 1, "conditions": [
        { "type": "Available", "status": "True" } ] } });
    let path = format!("{DEPLOYMENTS}/web/status?fieldManager=controller");
    let told = api.patch(&path, "merge", status).await.expect(200);
    let record = owners(&told);
    let reported = record.lines().find(|line| line.contains(" status "));
    expect![[r#"controller Update apps/v1 status {"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:status":{},"f:type":{}}},"f:replicas":{}}}"#]].assert_eq(reported.unwrap());
}

#[tokio::test]
async fn the_scale_is_owned_by_the_name_of_the_subresource() {
    let api = Api::start().await;
    let path = |rest: &str| format!("{DEPLOYMENTS}/web{rest}");
    let apply = path("?fieldManager=owner");
    let replicas = |count: u8| deployment(json!({ "replicas": count }));
    api.patch(&apply, "apply", replicas(1)).await.expect(201);
    let wish = json!({ "spec": { "replicas": 3 } });
    let scale = path("/scale?fieldManager=scaler");
    api.patch(&scale, "merge", wish).await.expect(200);
    let live = api.get(&path("")).await.expect(200);
    check(
        &live,
        &expect![[r#"
        owner Apply apps/v1 {"f:spec":{"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:name":{}}}}}}}
        scaler Update apps/v1 scale {"f:spec":{"f:replicas":{}}}
    "#]],
    );
    let refused = api.patch(&apply, "apply", replicas(1)).await;
    assert_eq!(refused.code, 409);
    expect![[r#"{"apiVersion":"v1","code":409,"details":{"causes":[{"field":".spec.replicas","message":"conflict with \"scaler\" with subresource \"scale\" using apps/v1","reason":"FieldManagerConflict"}]},"kind":"Status","message":"Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using apps/v1: .spec.replicas","metadata":{},"reason":"Conflict","status":"Failure"}"#]].assert_eq(&refused.body.to_string());
    api.patch(&apply, "apply", deployment(json!({})))
        .await
        .expect(200);
    let scale = json!({ "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": { "name": "web" }, "spec": { "replicas": 5 } });
    let by = path("/scale?fieldManager=autoscaler");
    let refused = api.patch(&by, "apply", scale.clone()).await;
    expect![[r#"Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas"#]].assert_eq(refused.message());
    api.patch(&format!("{by}&force=true"), "apply", scale)
        .await
        .expect(200);
    let live = api.get(&path("")).await.expect(200);
    assert_eq!(live["spec"]["replicas"], 5);
    check(
        &live,
        &expect![[r#"
        autoscaler Apply apps/v1 scale {"f:spec":{"f:replicas":{}}}
        owner Apply apps/v1 {"f:spec":{"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:name":{}}}}}}}
    "#]],
    );
}

#[tokio::test]
async fn a_binding_owns_nothing() {
    let api = Api::start().await;
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" },
        "spec": { "containers": [{ "name": "main", "image": "i" }] } });
    let made = api.post(PODS, pod).await.expect(201);
    let binding = json!({ "metadata": { "name": "a" }, "target": { "kind": "Node", "name": "n" } });
    let path = format!("{PODS}/a/binding");
    api.post(&path, binding).await.expect(201);
    let bound = api.get(&format!("{PODS}/a")).await.expect(200);
    assert_eq!(bound["spec"]["nodeName"], "n");
    assert_eq!(owners(&bound), owners(&made));
}

#[tokio::test]
async fn an_unchanged_apply_is_no_write() {
    let api = Api::start().await;
    for manager in ["one", "two", "three"] {
        let path = format!("{DEPLOYMENTS}/web?fieldManager={manager}");
        let reply = api
            .patch(&path, "apply", deployment(json!({ "replicas": 2 })))
            .await;
        assert!(reply.code < 300, "{}", reply.body);
    }
    let live = api.get(&format!("{DEPLOYMENTS}/web")).await.expect(200);
    for manager in ["one", "three", "two"] {
        let path = format!("{DEPLOYMENTS}/web?fieldManager={manager}");
        let again = api
            .patch(&path, "apply", deployment(json!({ "replicas": 2 })))
            .await
            .expect(200);
        assert_eq!(again, live);
    }
}

#[tokio::test]
async fn a_record_that_clients_send_is_checked_taken_or_forgotten() {
    let api = Api::start().await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let made = api
        .patch(&path, "apply", map(json!({ "a": "1" })))
        .await
        .expect(201);
    let mut wrong = made.clone();
    wrong["metadata"]["managedFields"] = json!([{ "manager": "x\u{7}", "operation": "Guess",
        "apiVersion": "v1", "fieldsType": "FieldsV2", "fieldsV1": { "data": {} } }]);
    let refused = api.put(&path, wrong).await;
    assert_eq!(refused.code, 422);
    expect![[r#"ConfigMap "a" is invalid: [metadata.managedFields[0].operation: Invalid value: "Guess": must be `Apply` or `Update`, metadata.managedFields[0].fieldsType: Invalid value: "FieldsV2": must be `FieldsV1`, metadata.managedFields[0].manager: Invalid value: "x\u0007": invalid character U+0007 (at position 1), metadata.managedFields[0].fieldsV1: Invalid value: {"data":{}}: not a path element of FieldsV1: "data"]"#]].assert_eq(refused.message());
    let renamed = json!([{ "op": "replace", "path": "/metadata/managedFields/0/manager",
        "value": "heir" }]);
    let heir = api.patch(&path, "json", renamed).await.expect(200);
    check(
        &heir,
        &expect![[r#"
        heir Apply v1 {"f:data":{"f:a":{}}}
    "#]],
    );
    let mut cleared = heir.clone();
    cleared["metadata"]["managedFields"] = json!([{}]);
    let cleared = api.put(&path, cleared).await.expect(200);
    check(&cleared, &expect![""]);
    let mut silent = cleared.clone();
    silent["data"] = json!({ "a": "2", "b": "3" });
    let silent = api.put(&path, silent).await.expect(200);
    check(&silent, &expect![""]);
    let refused = api.patch(&path, "apply", map(json!({ "a": "4" }))).await;
    assert_eq!(refused.code, 409);
    expect![[
        r#"Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a"#
    ]]
    .assert_eq(refused.message());
    let applied = api
        .patch(&path, "apply", map(json!({ "a": "2" })))
        .await
        .expect(200);
    check(
        &applied,
        &expect![[r#"
        one Apply v1 {"f:data":{"f:a":{}}}
        before-first-apply Update v1 {"f:data":{".":{},"f:a":{},"f:b":{}}}
    "#]],
    );
}

#[tokio::test]
async fn the_options_of_a_write_are_checked() {
    let api = Api::start().await;
    let long = "x".repeat(129);
    let merge = json!({ "data": {} });
    api.post(MAPS, map(json!({}))).await.expect(201);
    let mut refusals = String::new();
    for (query, media) in [
        ("", "apply"),
        ("?fieldManager=a%01b", "apply"),
        (&format!("?fieldManager={long}"), "merge"),
        ("?force=true", "merge"),
    ] {
        let body = if media == "apply" {
            map(json!({}))
        } else {
            merge.clone()
        };
        let refused = api.patch(&format!("{MAPS}/a{query}"), media, body).await;
        assert_eq!(refused.code, 422, "{query}");
        refusals.push_str(refused.message());
        refusals.push('\n');
    }
    expect![[r#"
        PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch
        PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\u0001b": invalid character U+0001 (at position 1)
        PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes
        PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch
    "#]].assert_eq(&refusals);
    let mut managed = map(json!({}));
    managed["metadata"]["managedFields"] = json!([]);
    let path = format!("{MAPS}/a?fieldManager=x");
    let refused = api.patch(&path, "apply", managed).await;
    assert_eq!(refused.message(), "metadata.managedFields must be nil");
}

#[tokio::test]
async fn kubectl_goes_from_client_side_to_server_side_without_a_conflict() {
    let api = Api::start().await;
    let mut made = map(json!({ "a": "1", "b": "1" }));
    let last = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata":
        { "annotations": {}, "name": "a", "namespace": "default" }, "data": { "a": "1", "b": "1" } });
    made["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/last-applied-configuration": last.to_string() });
    let path = format!("{MAPS}?fieldManager=kubectl-client-side-apply");
    api.post(&path, made).await.expect(201);
    let other = json!({ "data": { "b": "2" } });
    api.patch(&format!("{MAPS}/a?fieldManager=other"), "merge", other)
        .await
        .expect(200);
    let path = format!("{MAPS}/a?fieldManager=kubectl");
    let wish = map(json!({ "a": "9", "b": "9" }));
    let refused = api.patch(&path, "apply", wish).await;
    expect![[r#"Apply failed with 1 conflict: conflict with "other" using v1: .data.b"#]]
        .assert_eq(refused.message());
    let applied = api
        .patch(&path, "apply", map(json!({ "a": "9" })))
        .await
        .expect(200);
    assert_eq!(applied["data"], json!({ "a": "9", "b": "2" }));
    expect![[r#"{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"v1\",\"data\":{\"a\":\"9\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}\n"}"#]].assert_eq(&applied["metadata"]["annotations"].to_string());
    check(
        &applied,
        &expect![[r#"
        kubectl Apply v1 {"f:data":{"f:a":{}}}
        kubectl-client-side-apply Update v1 {"f:data":{},"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}
        other Update v1 {"f:data":{"f:b":{}}}
    "#]],
    );
    let path = format!("{MAPS}/a?fieldManager=somebody");
    let refused = api.patch(&path, "apply", map(json!({ "a": "7" }))).await;
    assert_eq!(refused.code, 409);
}

#[tokio::test]
async fn old_updaters_become_ancient_changes() {
    let api = Api::start().await;
    api.post(
        &format!("{MAPS}?fieldManager=m00"),
        map(json!({ "k00": "v" })),
    )
    .await
    .expect(201);
    for number in 1..13 {
        let data = json!({ "data": { format!("k{number:02}"): "v" } });
        let path = format!("{MAPS}/a?fieldManager=m{number:02}");
        api.patch(&path, "merge", data).await.expect(200);
    }
    let live = api.get(&format!("{MAPS}/a")).await.expect(200);
    assert_eq!(
        live["metadata"]["managedFields"].as_array().unwrap().len(),
        10
    );
    check(
        &live,
        &expect![[r#"
        ancient-changes Update v1 {"f:data":{".":{},"f:k00":{},"f:k01":{},"f:k02":{},"f:k03":{}}}
        m04 Update v1 {"f:data":{"f:k04":{}}}
        m05 Update v1 {"f:data":{"f:k05":{}}}
        m06 Update v1 {"f:data":{"f:k06":{}}}
        m07 Update v1 {"f:data":{"f:k07":{}}}
        m08 Update v1 {"f:data":{"f:k08":{}}}
        m09 Update v1 {"f:data":{"f:k09":{}}}
        m10 Update v1 {"f:data":{"f:k10":{}}}
        m11 Update v1 {"f:data":{"f:k11":{}}}
        m12 Update v1 {"f:data":{"f:k12":{}}}
    "#]],
    );
}
