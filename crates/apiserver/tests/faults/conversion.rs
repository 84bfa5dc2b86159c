//! Webhooks that convert custom objects, and do not.

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{Api, MAPS, config_map};
use crate::webhooks::{Pieces, start, whole};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A conversion that is good but for what the path says.
fn answer(path: &str, request: &Value) -> Pieces {
    let mut objects = request["objects"].clone();
    for object in objects.as_array_mut().unwrap() {
        object["apiVersion"] = request["desiredAPIVersion"].clone();
    }
    let mut review = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "response": {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects},
    });
    let response = &mut review["response"];
    match path {
        "good" | "moved" => {}
        "hang" => return Box::pin(futures::stream::pending()),
        "empty" => return whole(String::new()),
        "html" => return whole("<html>".to_owned()),
        "deep" => return whole("[".repeat(200_000)),
        "huge" => return whole(format!("{{\"a\":\"{}\"", "x".repeat(60 << 20))),
        "no-response" => return whole(r#"{"kind":"ConversionReview"}"#.to_owned()),
        "uid" => response["uid"] = json!("another"),
        "failed" => response["result"] = json!({"status": "Failed", "message": "no\r\nsuch luck"}),
        "no-result" => response["result"] = Value::Null,
        "none" => response["convertedObjects"] = Value::Null,
        "fewer" => response["convertedObjects"] = json!([]),
        "more" => {
            let objects = response["convertedObjects"].as_array_mut().unwrap();
            objects.push(objects[0].clone());
        }
        "no-object" => response["convertedObjects"][0] = json!(7),
        "version" => response["convertedObjects"][0]["apiVersion"] = json!("example.com/v1"),
        "kind" => response["convertedObjects"][0]["kind"] = json!("Gadget"),
        "name" => response["convertedObjects"][0]["metadata"]["name"] = json!("other"),
        "namespace" => {
            response["convertedObjects"][0]["metadata"]["namespace"] = json!("kube-system");
        }
        "no-metadata" => response["convertedObjects"][0]["metadata"] = Value::Null,
        "labels" => response["convertedObjects"][0]["metadata"]["labels"] = json!({"a": 7}),
        "spec" => response["convertedObjects"][0]["spec"] = json!("text"),
        other => unreachable!("{other}"),
    }
    whole(review.to_string())
}

const PATHS: &[&str] = &[
    "good",
    "hang",
    "empty",
    "html",
    "deep",
    "huge",
    "moved",
    "no-response",
    "uid",
    "failed",
    "no-result",
    "none",
    "fewer",
    "more",
    "no-object",
    "version",
    "kind",
    "name",
    "namespace",
    "no-metadata",
    "labels",
    "spec",
    "down",
];

/// The kind of one path: its group begins with it, as each kind keeps its own objects.
fn definition(path: &str, port: u16, bundle: &str) -> Value {
    let port = if path == "down" { 1 } else { port };
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{path}.example.com")},
        "spec": {
            "group": format!("{path}.example.com"),
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": {"url": format!("https://127.0.0.1:{port}/{path}"), "caBundle": bundle},
                "conversionReviewVersions": ["v1"]}},
            "versions": [version("v1", true), version("v2", false)],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn every_lie_of_a_converting_webhook_is_seen_through() {
    let (port, bundle) = start(answer).await;
    let api = Api::start().await;
    let mut table = String::new();
    for path in PATHS {
        api.post(CRDS, definition(path, port, &bundle))
            .await
            .expect(201);
        let at = |version: &str| {
            format!("/apis/{path}.example.com/{version}/namespaces/default/widgets")
        };
        let object = |version: &str| {
            json!({"apiVersion": format!("{path}.example.com/{version}"), "kind": "Widget",
                "metadata": {"name": "a"}, "spec": {"size": 1}})
        };
        api.post(&at("v1"), object("v1")).await.expect(201);
        let got = api.get(&format!("{}/a", at("v2"))).await;
        let listed = api.get(&at("v2")).await.code;
        let mut made = object("v2");
        made["metadata"]["name"] = json!("b");
        let made = api.post(&at("v2"), made).await.code;
        let message = got.message().replace(&port.to_string(), "PORT");
        let message = message
            .split("uid=")
            .next()
            .unwrap()
            .replace(['\r', '\n'], " ");
        let message = message.replace(&format!("{path}.example.com"), "GROUP");
        table += format!("{path:<12} {} {listed} {made} {message}", got.code).trim_end();
        table += "\n";
        // What is stored stays as it is and is read where nothing has to be converted; it can be deleted.
        let kept = api.get(&format!("{}/a", at("v1"))).await.expect(200);
        assert_eq!(kept["spec"], json!({"size": 1}), "{path}");
        api.delete(&format!("{}/a", at("v1"))).await.expect(200);
        api.delete(&format!("{CRDS}/widgets.{path}.example.com"))
            .await
            .expect(200);
    }
    expect![[r#"
        good         200 200 201
        hang         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/hang": context deadline exceeded
        empty        500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/empty": the reply is no JSON: EOF while parsing a value at line 1 column 0
        html         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/html": the reply is no JSON: expected value at line 1 column 1
        deep         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/deep": the reply is no JSON: recursion limit exceeded at line 1 column 128
        huge         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/huge": length limit exceeded
        moved        500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:PORT/moved": the server replied 307 Temporary Redirect: {"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","response":{"convertedObjects":[{"apiVersion":"GROUP/v2","kind":"Widget","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","generation":1,"managedFields":[{"apiVersion":"mov
        no-response  500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: expected response.
        uid          500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: expected response.
        failed       500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: no  such luck
        no-result    500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: the webhook gave no reason
        none         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: webhook returned 0 objects, expected 1
        fewer        500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: webhook returned 0 objects, expected 1
        more         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: webhook returned 2 objects, expected 1
        no-object    500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: a converted object is none
        version      500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: invalid groupVersion (expected GROUP/v2, received example.com/v1)
        kind         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: invalid kind (expected Widget, received Gadget)
        name         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: metadata.name must not be changed (was "a", is "other")
        namespace    500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: metadata.namespace must not be changed (was "default", is "kube-system")
        no-metadata  500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: metadata.name must not be changed (was "a", is "")
        labels       500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: metadata.labels[a] must be a string
        spec         200 200 422
        down         500 500 500 Internal error occurred: conversion webhook for GROUP/v1, Kind=Widget failed: Post "https://127.0.0.1:1/down": dial tcp 127.0.0.1:1: Connection refused (os error 111)
    "#]].assert_eq(&table);
    // Nobody else has noticed.
    api.post(MAPS, config_map("a")).await.expect(201);
}
