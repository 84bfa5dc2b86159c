//! Bodies that are too large, too deep, endless, or something else than they say.

use axum::body::Body;
use bytes::Bytes;
use expect_test::expect;
use futures::StreamExt as _;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Api, MAPS, PODS, config_map};

#[tokio::test]
async fn deep_bodies_are_refused_in_every_encoding() {
    let api = Api::start().await;
    for (media, unit) in [
        ("application/json", "["),
        ("application/json", r#"{"a":"#),
        ("application/yaml", "["),
        ("application/yaml", "{a: "),
        ("application/yaml", "- "),
        ("application/yaml", "? "),
        ("application/vnd.kubernetes.protobuf", "\u{a}\u{7f}"),
    ] {
        let body = unit.repeat((1536 << 10) / unit.len());
        let reply = api.raw("POST", MAPS, media, body).await;
        reply.expect(400);
    }
    for kind in [
        "json-patch+json",
        "merge-patch+json",
        "strategic-merge-patch+json",
        "apply-patch+yaml",
    ] {
        let body = "[".repeat(1536 << 10);
        let path = format!("{MAPS}/a?fieldManager=x");
        let reply = api
            .raw("PATCH", &path, &format!("application/{kind}"), body)
            .await;
        reply.expect(400);
    }
}

/// What a patch builds must be readable again.
#[tokio::test]
async fn a_patch_cannot_nest_or_multiply_without_end() {
    let api = Api::start().await;
    let definition = json!({"metadata": {"name": "things.example.com"}, "spec": {"group": "example.com",
        "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
            {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    api.post(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        definition,
    )
    .await
    .expect(201);
    let things = "/apis/example.com/v1/namespaces/default/things";
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "a": "x".repeat(1000)});
    api.post(things, thing).await.expect(201);
    let one = format!("{things}/t");
    let deeper: Vec<Value> = (0..300)
        .map(|depth| json!({"op": "add", "path": "/b".repeat(depth + 1), "value": {}}))
        .collect();
    let reply = api.patch(&one, "json", Value::from(deeper)).await;
    assert!(
        reply.message().contains("nested more than 120 deep"),
        "{}",
        reply.message()
    );
    reply.expect(422);
    let doubling: Vec<Value> = (0..40)
        .map(|turn| json!({"op": "copy", "from": "", "path": format!("/c{turn}")}))
        .collect();
    let reply = api.patch(&one, "json", Value::from(doubling)).await;
    assert!(
        reply
            .message()
            .contains("the accumulated size increase of copy is"),
        "{}",
        reply.message()
    );
    reply.expect(422);
    let mut nested = json!(1);
    for _ in 0..124 {
        nested = json!({ "d": nested });
    }
    let reply = api.patch(&one, "merge", nested).await;
    let told = reply.message().starts_with("the object is nested 1");
    assert!(told, "{}", reply.message());
    reply.expect(400);
    api.get(&one).await.expect(200);
}

#[tokio::test]
async fn large_bodies_are_refused_before_they_are_held() {
    let api = Api::start().await;
    let large = json!({"metadata": {"name": "a"}, "data": {"a": "x".repeat(3 << 20)}});
    let reply = api.post(MAPS, large).await;
    assert_eq!(
        reply.message(),
        "Request entity too large: limit is 3145728"
    );
    reply.expect(413);
    let stored = json!({"metadata": {"name": "a"}, "data": {"a": "x".repeat(2 << 20)}});
    // A limit of the kind comes before the one of the store.
    api.post(MAPS, stored).await.expect(422);
    // Pieces without end and without a length.
    let pieces =
        futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
    let request = Request::builder().method("POST").uri(MAPS);
    let request = request
        .header("content-type", "application/json")
        .body(Body::from_stream(pieces));
    api.send(request.unwrap()).await.expect(413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_given_up() {
    let api = Api::start().await;
    let begun = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    let endless = begun.chain(futures::stream::pending());
    let request = Request::builder().method("POST").uri(MAPS);
    let request = request
        .header("content-type", "application/json")
        .body(Body::from_stream(endless));
    let reply = api.send(request.unwrap()).await;
    assert_eq!(reply.body["reason"], "Timeout");
    reply.expect(504);
}

#[tokio::test]
async fn wrong_media_types_are_named() {
    let api = Api::start().await;
    api.post(MAPS, config_map("a")).await.expect(201);
    let mut table = String::new();
    for (method, path, media, body) in [
        ("POST", MAPS, "text/plain", "{}"),
        ("POST", MAPS, "application/xml", "<a/>"),
        ("POST", MAPS, "application/json; charset=utf-8", "nonsense"),
        ("POST", MAPS, "multipart/form-data", "--x"),
        ("POST", MAPS, "application/vnd.kubernetes.protobuf", "{}"),
        ("POST", MAPS, "\u{ff}", "{}"),
        ("PATCH", &format!("{MAPS}/a"), "application/json", "{}"),
        ("PATCH", &format!("{MAPS}/a"), "", "{}"),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/json-patch+json",
            "{}",
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/json-patch+json",
            r#"[{"op":"boil"}]"#,
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/merge-patch+json",
            "[]",
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/merge-patch+json",
            "null",
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/strategic-merge-patch+json",
            "1",
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/merge-patch+json",
            r#"{"metadata":null}"#,
        ),
        (
            "PATCH",
            &format!("{MAPS}/a"),
            "application/merge-patch+json",
            r#"{"metadata":[]}"#,
        ),
        (
            "PUT",
            &format!("{MAPS}/a"),
            "application/json",
            r#"{"metadata":"x"}"#,
        ),
        (
            "PUT",
            &format!("{MAPS}/a"),
            "application/json",
            r#"{"metadata":{"labels":7}}"#,
        ),
        (
            "DELETE",
            &format!("{MAPS}/a?dryRun=All"),
            "application/json",
            "[]",
        ),
        (
            "DELETE",
            &format!("{MAPS}/a?dryRun=All"),
            "application/json",
            r#"{"preconditions":7}"#,
        ),
        (
            "POST",
            &format!("{PODS}/nothing/binding"),
            "application/json",
            "{}",
        ),
    ] {
        let reply = api.raw(method, path, media, body).await;
        let message: String = reply.message().chars().take(110).collect();
        table += &format!("{} {media} {body}: {message}\n", reply.code);
        assert!(
            (400..500).contains(&reply.code) || reply.code == 200,
            "{}",
            reply.body
        );
    }
    expect![[r#"
        415 text/plain {}: the body of the request was in an unknown format - accepted media types include: application/json, application
        415 application/xml <a/>: the body of the request was in an unknown format - accepted media types include: application/json, application
        400 application/json; charset=utf-8 nonsense: the body of the request: malformed JSON at line 1, column 2: expected ident
        415 multipart/form-data --x: the body of the request was in an unknown format - accepted media types include: application/json, application
        400 application/vnd.kubernetes.protobuf {}: the body of the request: the body is no protobuf object of Kubernetes: it does not begin with "k8s\0"
        422 ÿ {}: ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required
        415 application/json {}: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, 
        415  {}: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, 
        400 application/json-patch+json {}: error decoding patch: invalid type: map, expected a sequence
        400 application/json-patch+json [{"op":"boil"}]: error decoding patch: unknown variant `boil`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `tes
        400 application/merge-patch+json []: the patch does not leave an object
        400 application/merge-patch+json null: the patch does not leave an object
        422 application/strategic-merge-patch+json 1: : the patch and the object must be objects
        200 application/merge-patch+json {"metadata":null}: 
        400 application/merge-patch+json {"metadata":[]}: ConfigMap in version "v1" cannot be handled as a ConfigMap: metadata: Invalid value: []: must be an object, no
        400 application/json {"metadata":"x"}: ConfigMap in version "v1" cannot be handled as a ConfigMap: metadata: Invalid value: "x": must be an object, n
        400 application/json {"metadata":{"labels":7}}: ConfigMap in version "v1" cannot be handled as a ConfigMap: metadata.labels: Invalid value: 7: must be an obje
        400 application/json []: the body of the request is not an object
        200 application/json {"preconditions":7}: 
        422 application/json {}: Pod "nothing" is invalid: target.name: Required value
    "#]].assert_eq(&table);
}
