//! Custom kinds whose versions a webhook turns into each other.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)] // Tests.

mod support;

use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use seatrial_apiserver::tls;
use serde_json::{Value, json};
use support::{Api, summary};
use tokio::net::TcpListener;

const V1: &str = "/apis/example.com/v1/namespaces/default/widgets";
const V2: &str = "/apis/example.com/v2/namespaces/default/widgets";

/// `spec.size` in v1 is `spec.large` in v2; a size of 13 cannot be converted.
async fn convert(Json(review): Json<Value>) -> Json<Value> {
    let request = &review["request"];
    let wanted = request["desiredAPIVersion"].as_str().unwrap();
    let mut objects = request["objects"].as_array().unwrap().clone();
    let mut result = json!({ "status": "Success" });
    for object in &mut objects {
        object["apiVersion"] = json!(wanted);
        if object["spec"]["size"] == json!(13) {
            result = json!({ "status": "Failed", "message": "thirteen" });
        }
        if wanted.ends_with("v2") {
            object["spec"] = json!({ "large": object["spec"]["size"].as_i64() >= Some(10) });
        } else {
            let large = object["spec"]["large"] == json!(true);
            object["spec"] = json!({ "size": if large { 10 } else { 1 } });
        }
        object["metadata"]["finalizers"] = json!(["not.mine/to-set"]);
    }
    Json(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "response": { "uid": request["uid"], "result": result, "convertedObjects": objects },
    }))
}

/// A webhook on this machine: its address, and its authority in base64.
async fn webhook() -> (u16, String) {
    let authority = tls::authority().unwrap();
    let settings = tls::configuration(&tls::issue(&authority, &[]).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/convert", post(convert));
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&settings));
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = TowerToHyperService::new(router.clone());
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    (
        port,
        base64::engine::general_purpose::STANDARD.encode(authority.certificate),
    )
}

fn definition(client: Value) -> Value {
    let version = |name: &str, storage: bool, field: Value| {
        let path = format!(
            ".spec.{}",
            field.as_object().unwrap().keys().next().unwrap()
        );
        json!({ "name": name, "served": true, "storage": storage, "selectableFields": [{ "jsonPath": path }], "schema": { "openAPIV3Schema": {
            "type": "object", "properties": { "spec": { "type": "object", "properties": field } } } } })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" },
            "conversion": { "strategy": "Webhook", "webhook": { "clientConfig": client, "conversionReviewVersions": ["v1"] } },
            "versions": [
                version("v1", true, json!({ "size": { "type": "integer" } })),
                version("v2", false, json!({ "large": { "type": "boolean" } })),
            ],
        },
    })
}

async fn define(api: &Api, client: Value) {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    api.post(path, definition(client)).await.expect(201);
}

fn widget(name: &str, version: &str, spec: Value) -> Value {
    json!({ "apiVersion": format!("example.com/{version}"), "kind": "Widget", "metadata": { "name": name }, "spec": spec })
}

#[tokio::test]
async fn objects_are_seen_and_written_in_every_version() {
    let (port, authority) = webhook().await;
    let api = Api::start().await;
    define(
        &api,
        json!({ "url": format!("https://127.0.0.1:{port}/convert"), "caBundle": authority }),
    )
    .await;
    api.post(V1, widget("a", "v1", json!({ "size": 12 })))
        .await
        .expect(201);
    let seen = api.get(&format!("{V2}/a")).await.expect(200);
    assert_eq!(seen["apiVersion"], "example.com/v2");
    assert_eq!(seen["spec"], json!({ "large": true }));
    assert_eq!(
        seen["metadata"]["finalizers"],
        Value::Null,
        "a webhook may change labels and annotations only"
    );
    let made = api
        .post(V2, widget("b", "v2", json!({ "large": false })))
        .await
        .expect(201);
    assert_eq!(made["spec"], json!({ "large": false }));
    let stored = api.get(&format!("{V1}/b")).await.expect(200);
    assert_eq!(stored["spec"], json!({ "size": 1 }));
    let patched = api
        .patch(
            &format!("{V2}/b"),
            "merge",
            json!({ "spec": { "large": true } }),
        )
        .await
        .expect(200);
    assert_eq!(patched["spec"], json!({ "large": true }));
    assert_eq!(
        api.get(&format!("{V1}/b")).await.expect(200)["spec"],
        json!({ "size": 10 })
    );
    let list = api.get(V2).await.expect(200);
    let specs: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["spec"])
        .collect();
    assert_eq!(
        specs,
        [&json!({ "large": true }), &json!({ "large": true })]
    );
    api.post(V1, widget("c", "v1", json!({ "size": 13 })))
        .await
        .expect(201);
    let refused = api.get(&format!("{V2}/c")).await;
    assert_eq!(refused.code, 500);
    assert!(
        refused
            .message()
            .ends_with("conversion webhook for example.com/v1, Kind=Widget failed: thirteen"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn services_without_endpoints_are_named() {
    let api = Api::start().await;
    define(
        &api,
        json!({ "service": { "namespace": "default", "name": "converter", "path": "/convert" } }),
    )
    .await;
    api.post(V1, widget("a", "v1", json!({ "size": 12 })))
        .await
        .expect(201);
    let refused = api.get(&format!("{V2}/a")).await;
    assert_eq!(
        refused.message(),
        "Internal error occurred: conversion webhook for example.com/v1, Kind=Widget failed: \
         Post \"https://converter.default.svc:443/convert\": service \"converter\" not found"
    );
}

/// A server with the kind and its webhook, and three objects of which two are large.
async fn with_sizes() -> Api {
    let (port, authority) = webhook().await;
    let api = Api::start().await;
    let url = format!("https://127.0.0.1:{port}/convert");
    define(&api, json!({ "url": url, "caBundle": authority })).await;
    for (name, size) in [("a", 12), ("b", 3), ("c", 20)] {
        api.post(V1, widget(name, "v1", json!({ "size": size })))
            .await
            .expect(201);
    }
    api
}

async fn names(api: &Api, path: &str) -> Vec<String> {
    let list = api.get(path).await.expect(200);
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn fields_are_those_of_the_version_of_the_request() {
    let api = with_sizes().await;
    let large = format!("{V2}?fieldSelector=spec.large%3Dtrue");
    assert_eq!(names(&api, &large).await, ["a", "c"]);
    let small = format!("{V2}?fieldSelector=spec.large%3Dfalse");
    assert_eq!(names(&api, &small).await, ["b"]);
    let one = format!("{V2}?fieldSelector=spec.large%3Dtrue,metadata.name%3Db");
    assert_eq!(names(&api, &one).await, [""; 0]);
    let twelve = format!("{V1}?fieldSelector=spec.size%3D12");
    assert_eq!(names(&api, &twelve).await, ["a"]);
    let page = api.get(&format!("{large}&limit=1")).await.expect(200);
    let next = page["metadata"]["continue"].as_str().unwrap();
    let next = format!("{large}&limit=1&continue={next}");
    assert_eq!(names(&api, &next).await, ["c"]);
    let refused = api.get(&format!("{V2}?fieldSelector=spec.size%3D12")).await;
    assert_eq!(refused.code, 400);
    assert_eq!(refused.message(), "field label not supported: spec.size");
    api.delete(&large).await.expect(200);
    assert_eq!(names(&api, V1).await, ["b"]);
}

#[tokio::test]
async fn watches_see_objects_of_the_version_come_and_go() {
    let api = with_sizes().await;
    let before = api.get(V1).await.expect(200)["metadata"]["resourceVersion"].clone();
    let shrink = json!({ "spec": { "large": false } });
    api.patch(&format!("{V2}/a"), "merge", shrink)
        .await
        .expect(200);
    api.post(V2, widget("d", "v2", json!({ "large": true })))
        .await
        .expect(201);
    api.delete(&format!("{V2}/b")).await.expect(200);
    api.delete(&format!("{V2}/c")).await.expect(200);
    let large = format!("{V2}?watch=1&timeoutSeconds=1&fieldSelector=spec.large%3Dtrue");
    let since = format!("{large}&resourceVersion={}", before.as_str().unwrap());
    let events = api.watch(&since).await;
    assert_eq!(summary(&events), ["DELETED a", "ADDED d", "DELETED c"]);
    assert_eq!(events[1]["object"]["spec"], json!({ "large": true }));
    let now = api.watch(&large).await;
    assert_eq!(summary(&now), ["ADDED d"]);
    let sized = format!("{V1}?watch=1&timeoutSeconds=1&fieldSelector=spec.size%3D10");
    assert_eq!(summary(&api.watch(&sized).await), ["ADDED d"]);
}
