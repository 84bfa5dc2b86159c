//! Kinds that CustomResourceDefinitions add.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)] // Tests.

mod support;

use seatrial_store::Store;
use serde_json::{Value, json};
use support::Api;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn definition() -> Value {
    let schema = json!({ "openAPIV3Schema": {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": { "type": "integer", "minimum": 1 },
                    "colour": { "type": "string", "default": "blue" },
                },
            },
            "status": {
                "type": "object",
                "properties": {
                    "size": { "type": "integer" },
                    "selector": { "type": "string" },
                },
            },
        },
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets", "shortNames": ["wd"] },
            "versions": [
                {
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "schema": schema,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.size",
                            "statusReplicasPath": ".status.size",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        { "name": "Size", "type": "integer", "jsonPath": ".spec.size" },
                        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
                    ],
                    "selectableFields": [{ "jsonPath": ".spec.colour" }],
                },
                { "name": "v1beta1", "served": true, "storage": false, "schema": schema },
            ],
        },
    })
}

fn widget(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": { "name": name },
        "spec": spec,
    })
}

async fn with_widgets() -> Api {
    let api = Api::start().await;
    api.post(DEFINITIONS, definition()).await.expect(201);
    api
}

#[tokio::test]
async fn a_kind_is_served_as_soon_as_it_is_defined() {
    let api = Api::start().await;
    api.get(WIDGETS).await.expect(404);
    let made = api.post(DEFINITIONS, definition()).await.expect(201);
    let conditions = made["status"]["conditions"].as_array().unwrap();
    let kinds: Vec<&Value> = conditions
        .iter()
        .map(|condition| &condition["type"])
        .collect();
    assert_eq!(kinds, ["NamesAccepted", "Established"]);
    assert_eq!(made["spec"]["names"]["listKind"], "WidgetList");
    let widget = api
        .post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
    assert_eq!(widget["spec"]["colour"], "blue");
    assert_eq!(
        api.get("/apis/example.com").await.expect(200)["versions"][0]["version"],
        "v1"
    );
}

#[tokio::test]
async fn objects_are_checked_by_their_schema() {
    let api = with_widgets().await;
    let cases = [
        (json!({}), 422, "spec.size: Required value"),
        (json!({ "size": 0 }), 422, "spec.size: Invalid value: 0"),
        (
            json!({ "size": "two" }),
            422,
            "spec.size: Invalid value: \"string\"",
        ),
        (
            json!({ "size": 1, "sise": 2 }),
            400,
            "unknown field \"spec.sise\"",
        ),
    ];
    for (spec, code, message) in cases {
        let path = format!("{WIDGETS}?fieldValidation=Strict");
        let reply = api.post(&path, widget("a", spec)).await;
        assert_eq!(reply.code, code, "{}", reply.body);
        assert!(reply.message().contains(message), "{}", reply.message());
    }
}

#[tokio::test]
async fn every_served_version_shows_the_same_object() {
    let api = with_widgets().await;
    let newest = api
        .post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
    let older = WIDGETS.replace("/v1/", "/v1beta1/");
    let mut seen = api.get(&format!("{older}/a")).await.expect(200);
    assert_eq!(seen["apiVersion"], "example.com/v1beta1");
    seen["spec"]["size"] = json!(3);
    api.put(&format!("{older}/a"), seen).await.expect(200);
    let stored = api.get(&format!("{WIDGETS}/a")).await.expect(200);
    assert_eq!(
        (&stored["apiVersion"], &stored["spec"]["size"]),
        (&json!("example.com/v1"), &json!(3))
    );
    assert_eq!(stored["metadata"]["uid"], newest["metadata"]["uid"]);
}

#[tokio::test]
async fn status_and_scale_have_their_own_paths() {
    let api = with_widgets().await;
    let path = format!("{WIDGETS}/a");
    api.post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
    let mut changed = api.get(&path).await.expect(200);
    changed["status"] = json!({ "size": 1, "selector": "app=a" });
    let main = api.put(&path, changed.clone()).await.expect(200);
    assert_eq!(main.get("status"), None);
    changed["spec"]["size"] = json!(9);
    let status = api
        .put(&format!("{path}/status"), changed)
        .await
        .expect(200);
    assert_eq!(
        (&status["spec"]["size"], &status["status"]["size"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(status["metadata"]["generation"], 1);
    let scale = api.get(&format!("{path}/scale")).await.expect(200);
    assert_eq!(
        scale["status"],
        json!({ "replicas": 1, "selector": "app=a" })
    );
    let patch = json!({ "spec": { "replicas": 4 } });
    api.patch(&format!("{path}/scale"), "merge", patch)
        .await
        .expect(200);
    assert_eq!(api.get(&path).await.expect(200)["spec"]["size"], 4);
}

#[tokio::test]
async fn tables_and_selectors_follow_the_definition() {
    let api = with_widgets().await;
    api.post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
    api.post(WIDGETS, widget("b", json!({ "size": 3, "colour": "red" })))
        .await
        .expect(201);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let query = format!("{WIDGETS}?fieldSelector=spec.colour%3Dred");
    let table = api.get_as(&query, accept).await.expect(200);
    assert_eq!(table["rows"].as_array().unwrap().len(), 1);
    assert_eq!(table["rows"][0]["cells"], json!(["b", 3, "0s"]));
    api.patch(&format!("{WIDGETS}/a"), "strategic-merge", json!({}))
        .await
        .expect(415);
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let api = with_widgets().await;
    let mut held = widget("held", json!({ "size": 1 }));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    api.post(WIDGETS, held).await.expect(201);
    api.post(WIDGETS, widget("free", json!({ "size": 1 })))
        .await
        .expect(201);
    let path = format!("{DEFINITIONS}/widgets.example.com");
    api.delete(&path).await.expect(200);
    api.get(&format!("{WIDGETS}/free")).await.expect(404);
    assert!(api.get(&path).await.expect(200)["metadata"]["deletionTimestamp"].is_string());
    let release = json!({ "metadata": { "finalizers": [] } });
    api.patch(&format!("{WIDGETS}/held"), "merge", release)
        .await
        .expect(200);
    api.get(&path).await.expect(404);
    api.get(WIDGETS).await.expect(404);
}

#[tokio::test]
async fn definitions_survive_a_restart() {
    let store = Store::memory();
    Api::over(store.clone())
        .await
        .post(DEFINITIONS, definition())
        .await
        .expect(201);
    let api = Api::over(store).await;
    api.post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_definition_that_makes_no_sense_is_refused() {
    let api = Api::start().await;
    let change = |path: &str, value: Value| {
        let mut definition = definition();
        *definition.pointer_mut(path).unwrap() = value;
        definition
    };
    let cases = [
        (change("/metadata/name", json!("widgets")), "metadata.name"),
        (change("/spec/scope", json!("World")), "spec.scope"),
        (
            change("/spec/versions/1/storage", json!(true)),
            "exactly one version",
        ),
        (
            change("/spec/versions/0/schema", json!({})),
            "spec.versions[0].schema.openAPIV3Schema",
        ),
        (
            change(
                "/spec/versions/0/schema/openAPIV3Schema/properties/spec/type",
                json!("thing"),
            ),
            "spec.versions[0].schema.openAPIV3Schema",
        ),
    ];
    for (definition, message) in cases {
        let reply = api.post(DEFINITIONS, definition).await;
        assert_eq!(reply.code, 422, "{}", reply.body);
        assert!(reply.message().contains(message), "{}", reply.message());
    }
}

#[tokio::test]
async fn names_that_are_taken_are_not_accepted() {
    let api = with_widgets().await;
    let mut other = definition();
    other["metadata"]["name"] = json!("gadgets.example.com");
    other["spec"]["names"] = json!({ "kind": "Gadget", "plural": "gadgets", "shortNames": ["wd"] });
    let made = api.post(DEFINITIONS, other).await.expect(201);
    let conditions = made["status"]["conditions"].as_array().unwrap();
    assert_eq!(conditions[0]["reason"], "ShortNamesConflict");
    assert_eq!(conditions[0]["message"], "\"wd\" is already in use");
    assert_eq!(conditions[1]["status"], "False");
    let path = "/apis/example.com/v1/namespaces/default/gadgets";
    assert_eq!(api.get(path).await.code, 404);
    // They are free as soon as the other definition is gone.
    let first = format!("{DEFINITIONS}/widgets.example.com");
    api.delete(&first).await.expect(200);
    assert_eq!(api.get(&first).await.code, 404);
    api.get(path).await.expect(200);
    let settled = api
        .get(&format!("{DEFINITIONS}/gadgets.example.com"))
        .await
        .expect(200);
    assert_eq!(settled["status"]["acceptedNames"]["plural"], "gadgets");
}

#[tokio::test]
async fn versions_with_stored_objects_must_stay() {
    let api = with_widgets().await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let mut changed = api.get(&path).await.expect(200);
    changed["spec"]["versions"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    changed["spec"]["versions"][0]["storage"] = json!(true);
    let refused = api.put(&path, changed).await;
    assert_eq!(refused.code, 422);
    assert!(
        refused
            .message()
            .contains("missing from spec.versions; v1 was previously a storage version"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn rules_are_checked_with_the_value_before() {
    let api = Api::start().await;
    let mut definition = definition();
    for version in definition["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] =
            json!([{ "rule": "self.size >= oldSelf.size", "message": "size may only grow" }]);
    }
    api.post(DEFINITIONS, definition).await.expect(201);
    api.post(WIDGETS, widget("a", json!({ "size": 3 })))
        .await
        .expect(201);
    let path = format!("{WIDGETS}/a");
    let refused = api
        .patch(&path, "merge", json!({ "spec": { "size": 2 } }))
        .await;
    assert_eq!(refused.code, 422);
    assert_eq!(
        refused.message(),
        "Widget.example.com \"a\" is invalid: spec: Invalid value: \"object\": size may only grow"
    );
    api.patch(&path, "merge", json!({ "spec": { "size": 4 } }))
        .await
        .expect(200);
}

#[tokio::test]
async fn custom_kinds_have_no_protobuf_but_their_metadata_has() {
    let api = with_widgets().await;
    api.post(WIDGETS, widget("a", json!({ "size": 3 })))
        .await
        .expect(201);
    let path = format!("{WIDGETS}/a");
    assert_eq!(
        api.get_as(&path, "application/vnd.kubernetes.protobuf")
            .await
            .code,
        406
    );
    let reply = api
        .get_as(
            &path,
            "application/vnd.kubernetes.protobuf,application/json",
        )
        .await;
    assert_eq!(reply.body["kind"], "Widget");
    let partial = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    let reply = api.get_as(&path, partial).await;
    assert_eq!(
        reply.headers["content-type"],
        "application/vnd.kubernetes.protobuf"
    );
    let built_in = api
        .get_as(
            "/api/v1/namespaces",
            "application/vnd.kubernetes.protobuf,application/json",
        )
        .await;
    assert_eq!(
        built_in.headers["content-type"],
        "application/vnd.kubernetes.protobuf"
    );
}

#[tokio::test]
async fn what_was_stored_before_a_default_is_read_with_it() {
    let api = with_widgets().await;
    let made = api
        .post(WIDGETS, widget("a", json!({ "size": 2 })))
        .await
        .expect(201);
    // One of them comes before `apiVersion` in the alphabet.
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties";
    let value = json!({ "type": "string", "default": "calm" });
    let gained = json!([
        { "op": "add", "path": format!("{properties}/spec/properties/mood"), "value": value },
        { "op": "add", "path": format!("{properties}/a"), "value": value },
    ]);
    let path = format!("{DEFINITIONS}/widgets.example.com");
    api.patch(&path, "json", gained).await.expect(200);
    let read = api.get(&format!("{WIDGETS}/a")).await.expect(200);
    assert_eq!(
        (&read["spec"]["mood"], &read["a"]),
        (&json!("calm"), &json!("calm"))
    );
    assert_eq!(
        read["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    let listed = api.get(WIDGETS).await.expect(200);
    assert_eq!(listed["items"][0]["spec"]["mood"], "calm");
    let watched = api
        .watch(&format!(
            "{WIDGETS}?watch=1&resourceVersion=0&timeoutSeconds=0"
        ))
        .await;
    assert_eq!(watched[0]["object"]["spec"]["mood"], "calm");
}
