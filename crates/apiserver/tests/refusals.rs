//! Bad input: each is refused with a status that says what, where and why.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use serde_json::{Value, json};
use support::{Api, DEPLOYMENTS, MAPS, PODS, config_map, deployment, pod};

#[tokio::test]
async fn malformed_text_is_refused_with_line_and_column() {
    let api = Api::start().await;
    let reply = api
        .raw("POST", MAPS, "application/json", "{\n  \"a\": ]\n}")
        .await;
    assert_eq!(
        (reply.code, &reply.body["reason"]),
        (400, &json!("BadRequest"))
    );
    assert!(
        reply.message().contains("line 2, column 8"),
        "{}",
        reply.message()
    );
    let text = "metadata:\n  name: a\n name: b\n";
    let reply = api.raw("POST", MAPS, "application/yaml", text).await;
    assert_eq!(reply.code, 400);
    assert!(reply.message().contains("line 3"), "{}", reply.message());
    let reply = api.raw("POST", MAPS, "application/json", "[]").await;
    assert_eq!(
        (reply.code, reply.message()),
        (400, "the body of the request is not an object")
    );
}

#[tokio::test]
async fn unknown_and_repeated_fields_are_refused_warned_of_or_dropped() {
    let api = Api::start().await;
    let mut wrong = deployment("web");
    wrong["spec"]["replica"] = json!(3);
    let path = |mode: &str| format!("{DEPLOYMENTS}?dryRun=All&fieldValidation={mode}");
    let strict = api.post(&path("Strict"), wrong.clone()).await;
    assert_eq!(strict.code, 400);
    assert!(
        strict
            .message()
            .ends_with("strict decoding error: unknown field \"spec.replica\""),
        "{}",
        strict.message()
    );
    let warned = api.post(&path("Warn"), wrong.clone()).await;
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "unknown field \"spec.replica\"""#
    );
    assert_eq!(warned.expect(201)["spec"].get("replica"), None);
    let ignored = api.post(&path("Ignore"), wrong).await;
    assert_eq!(ignored.headers.get("warning"), None);
    ignored.expect(201);
    let text = r#"{"metadata":{"name":"a"},"data":{"a":"1","a":"2"}}"#;
    let repeated = format!("{MAPS}?fieldValidation=Strict");
    let repeated = api.raw("POST", &repeated, "application/json", text).await;
    assert!(
        repeated.message().contains("duplicate field \"data.a\""),
        "{}",
        repeated.body
    );
    api.post(&path("Loose"), deployment("web"))
        .await
        .expect(422);
}

#[tokio::test]
async fn wrong_values_are_refused_by_field() {
    let api = Api::start().await;
    let change = |path: &str, value: Value| {
        let mut object = deployment("web");
        *object.pointer_mut(path).unwrap() = value;
        object
    };
    let cases = [
        (change("/spec/replicas", json!("two")), 400, "spec.replicas"),
        (change("/spec/replicas", json!(-1)), 422, "spec.replicas"),
        (
            change("/spec/template/spec/containers", json!([])),
            422,
            "spec.template.spec.containers",
        ),
        (
            change("/spec/template/metadata/labels", json!({ "app": "other" })),
            422,
            "spec.template.metadata.labels",
        ),
        (change("/metadata/name", json!("Web")), 422, "metadata.name"),
        (
            change("/metadata/name", json!("a".repeat(254))),
            422,
            "metadata.name",
        ),
        (change("/metadata", json!({})), 422, "metadata.name"),
        (
            change(
                "/metadata",
                json!({ "name": "a", "labels": { "a b": "c" } }),
            ),
            422,
            "metadata.labels",
        ),
    ];
    for (object, code, field) in cases {
        let reply = api.post(DEPLOYMENTS, object).await;
        assert_eq!(reply.code, code, "{}", reply.body);
        let causes = reply.body["details"]["causes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert!(
            causes.iter().any(|cause| cause["field"] == field),
            "{}",
            reply.body
        );
        assert!(reply.message().contains(field), "{}", reply.message());
    }
}

#[tokio::test]
async fn names_are_refused_in_the_words_of_upstream() {
    let api = Api::start().await;
    let reply = api
        .post(
            "/api/v1/namespaces",
            json!({ "metadata": { "name": "a.b" } }),
        )
        .await;
    assert_eq!(
        reply.message(),
        "Namespace \"a.b\" is invalid: metadata.name: Invalid value: \"a.b\": a lowercase RFC 1123 \
         label must consist of lower case alphanumeric characters or '-', and must start and end \
         with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation \
         is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    );
    assert_eq!(reply.body["details"]["kind"], "Namespace");
}

#[tokio::test]
async fn objects_that_are_too_large_are_refused() {
    let api = Api::start().await;
    for size in [1600 << 10, 4 << 20] {
        let mut large = pod("a");
        large["spec"]["containers"][0]["env"] = json!([{ "name": "A", "value": "x".repeat(size) }]);
        let reply = api.post(PODS, large).await;
        let reason = &reply.body["reason"];
        assert_eq!(
            (reply.code, reason),
            (413, &json!("RequestEntityTooLarge")),
            "{size}"
        );
    }
    let mut map = config_map("a");
    map["data"]["key"] = json!("x".repeat(1100 << 10));
    api.post(MAPS, map).await.expect(422);
    let mut map = config_map("a");
    map["metadata"]["annotations"] = json!({ "a": "x".repeat(257 << 10) });
    let reply = api.post(MAPS, map).await;
    assert!(
        reply.message().contains("metadata.annotations: Too long"),
        "{}",
        reply.message()
    );
}

#[tokio::test]
async fn paths_methods_and_media_that_do_not_exist_are_refused() {
    let api = Api::start().await;
    let unknown = "the server could not find the requested resource";
    for path in [
        "/",
        "/api/v2",
        "/api/v1/things",
        "/apis/apps/v1/pods/a",
        "/x",
        "/api/v1/pods/a",
    ] {
        let reply = api.get(path).await;
        assert_eq!((reply.code, reply.message()), (404, unknown), "{path}");
        assert_eq!(reply.body["kind"], "Status");
    }
    api.post(&format!("{MAPS}/a"), config_map("a"))
        .await
        .expect(405);
    api.raw("PUT", MAPS, "application/json", "{}")
        .await
        .expect(405);
    api.post("/version", json!({})).await.expect(405);
    api.raw("POST", MAPS, "text/plain", "a").await.expect(415);
    api.post(MAPS, config_map("a")).await.expect(201);
    api.raw("PATCH", &format!("{MAPS}/a"), "application/json", "{}")
        .await
        .expect(415);
    api.get_as(MAPS, "text/html").await.expect(406);
    api.get_as(MAPS, "application/json;as=Table;v=v9;g=meta.k8s.io")
        .await
        .expect(406);
}

#[tokio::test]
async fn objects_that_do_not_fit_their_path_are_refused() {
    let api = Api::start().await;
    let mut map = config_map("a");
    map["kind"] = json!("Secret");
    let reply = api.post(MAPS, map).await;
    assert_eq!(
        (reply.code, reply.message()),
        (
            400,
            "the kind in the data (Secret) does not match the expected kind (ConfigMap)"
        )
    );
    let mut map = config_map("a");
    map["metadata"]["namespace"] = json!("other");
    let reply = api.post(MAPS, map).await;
    assert_eq!(
        (reply.code, reply.message()),
        (
            400,
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    );
    api.post(MAPS, config_map("a")).await.expect(201);
    let reply = api.put(&format!("{MAPS}/a"), config_map("b")).await;
    assert_eq!(
        (reply.code, reply.message()),
        (
            400,
            "the name of the object (b) does not match the name on the URL (a)"
        )
    );
    let mut map = config_map("c");
    map["metadata"]["resourceVersion"] = json!("7");
    api.post(MAPS, map).await.expect(400);
}

#[tokio::test]
async fn what_must_not_change_does_not() {
    let api = Api::start().await;
    api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    let mut other = deployment("web");
    other["spec"]["selector"]["matchLabels"]["tier"] = json!("x");
    other["spec"]["template"]["metadata"]["labels"]["tier"] = json!("x");
    let reply = api.put(&format!("{DEPLOYMENTS}/web"), other).await;
    assert_eq!(reply.code, 422);
    assert!(
        reply.message().contains("spec.selector: Invalid value"),
        "{}",
        reply.message()
    );
    assert!(
        reply.message().ends_with("field is immutable"),
        "{}",
        reply.message()
    );
    api.post(PODS, pod("a")).await.expect(201);
    let patch = json!({ "spec": { "hostname": "other" } });
    let reply = api.patch(&format!("{PODS}/a"), "merge", patch).await;
    assert!(
        reply.message().contains("spec: Forbidden: pod updates"),
        "{}",
        reply.message()
    );
    let patch = json!([{ "op": "replace", "path": "/spec/containers/0/image", "value": "two" }]);
    api.patch(&format!("{PODS}/a"), "json", patch)
        .await
        .expect(200);
}

#[tokio::test]
async fn what_the_system_needs_cannot_be_deleted() {
    let api = Api::start().await;
    let reply = api.delete("/api/v1/namespaces/default").await;
    assert_eq!(
        (reply.code, reply.message()),
        (
            403,
            "namespaces \"default\" is forbidden: this namespace may not be deleted"
        )
    );
}

#[tokio::test]
async fn selectors_and_numbers_that_cannot_be_read_are_refused() {
    let api = Api::start().await;
    for query in [
        "labelSelector=a%20b",
        "fieldSelector=spec.nothing%3Da",
        "limit=many",
        "resourceVersion=new",
        "continue=x",
    ] {
        let reply = api.get(&format!("{MAPS}?{query}")).await;
        assert_eq!(
            (reply.code, &reply.body["reason"]),
            (400, &json!("BadRequest")),
            "{query}"
        );
    }
    let reply = api
        .get(&format!("{MAPS}?fieldSelector=spec.nothing%3Da"))
        .await;
    assert_eq!(reply.message(), "field label not supported: spec.nothing");
    let reply = api.get(&format!("{MAPS}?resourceVersion=999999")).await;
    assert_eq!(
        (reply.code, &reply.body["reason"]),
        (504, &json!("Timeout"))
    );
}

#[tokio::test]
async fn a_request_without_an_identity_is_refused() {
    use tower::ServiceExt as _;
    let api = Api::start().await;
    let request = http::Request::builder()
        .uri(MAPS)
        .body(axum::body::Body::empty())
        .unwrap();
    let response = api.server.router().oneshot(request).await.unwrap();
    // Whoever does not say who they are is `system:anonymous`, who may do nothing here.
    assert_eq!(response.status(), 403);
}
