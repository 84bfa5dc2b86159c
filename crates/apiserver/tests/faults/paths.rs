//! Tricks with paths and queries.

use axum::Extension;
use axum::body::Body;
use expect_test::expect;
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{Api, MAPS, config_map};

/// The path and what comes of it: the code, and the reason of a refusal.
async fn outcome(api: &Api, method: &str, path: &str) -> String {
    let reply = api.raw(method, path, "application/json", "{}").await;
    if reply.code >= 400 {
        assert_eq!(
            reply.body["kind"], "Status",
            "{method} {path}: {}",
            reply.body
        );
    }
    let reason = reply.body["reason"].as_str().unwrap_or_default();
    let shown: String = path.chars().take(60).collect();
    format!("{} {reason:<18} {method} {shown}\n", reply.code)
}

#[tokio::test]
async fn strange_paths_lead_nowhere() {
    let api = Api::start().await;
    api.post(MAPS, config_map("a")).await.expect(201);
    let long = format!("{MAPS}/{}", "x".repeat(20_000));
    let mut table = String::new();
    for (method, path) in [
        ("GET", "//api/v1/namespaces/default/configmaps/a"),
        ("GET", "/api//v1/namespaces/default/configmaps/a"),
        ("GET", "/api/v1//namespaces/default/configmaps/a"),
        ("GET", "/api/v1/namespaces//configmaps"),
        ("GET", "/api/v1/namespaces//configmaps/a"),
        ("DELETE", "/api/v1/namespaces//configmaps"),
        ("POST", "/api/v1/namespaces//configmaps"),
        ("GET", "/api/v1/namespaces/default//configmaps"),
        ("GET", "/api/v1/namespaces/default/configmaps//a"),
        ("GET", "/api/v1/namespaces/default/configmaps/a/"),
        ("GET", "/api/v1/namespaces/default/configmaps/a//"),
        ("GET", "/api/v1/namespaces/default/configmaps/./a"),
        (
            "GET",
            "/api/v1/namespaces/default/configmaps/../configmaps/a",
        ),
        ("GET", "/api/v1/namespaces/default/configmaps/%2e%2e"),
        ("GET", "/api/v1/namespaces/default/configmaps/a%2f..%2fb"),
        ("GET", "/api/v1/namespaces/default%2Fconfigmaps/a"),
        ("GET", "/api/v1/namespaces/default/configmaps/a%00"),
        ("GET", "/api/v1/namespaces/default/configmaps/%00"),
        ("GET", "/api/v1/namespaces/de%00fault/configmaps"),
        ("GET", "/api/v1/namespaces/default/configmaps/%ff%fe"),
        ("GET", "/api/v1/namespaces/default/configmaps/%zz"),
        ("GET", "/api/v1/namespaces/default/configmaps/%61"),
        ("GET", "/api/v1/namespaces/default/configm%61ps/a"),
        ("GET", "/api/v1/namespaces/default/configmaps/a/b/c/d"),
        ("GET", "/api/v1/configmaps/a"),
        ("GET", "/api/v1/namespaces/default/namespaces"),
        ("GET", "/api/v1/namespaces/default/nodes"),
        ("GET", "/api/v2/namespaces"),
        ("GET", "/apis//v1/pods"),
        ("GET", "/apis/apps//deployments"),
        ("GET", "/APIS/apps/v1/deployments"),
        ("GET", "/api/v1/namespaces/default/pods/a/log/x"),
        ("GET", "/api/v1/namespaces/default/configmaps/a/log"),
        ("GET", "/api/v1/namespaces/default/configmaps/a/%2e%2e/log"),
        ("TRACE", "/api/v1/namespaces"),
        ("CONNECT", "/api/v1/namespaces"),
        ("BREW", "/api/v1/namespaces/default/configmaps/a"),
        ("OPTIONS", "/api/v1/namespaces"),
        ("PUT", "/api/v1/namespaces"),
        ("PATCH", "/api/v1/namespaces/default/configmaps"),
        ("POST", "/version"),
        ("GET", &long),
    ] {
        table += &outcome(&api, method, path).await;
    }
    expect![[r#"
        404 NotFound           GET //api/v1/namespaces/default/configmaps/a
        404 NotFound           GET /api//v1/namespaces/default/configmaps/a
        404 NotFound           GET /api/v1//namespaces/default/configmaps/a
        404 NotFound           GET /api/v1/namespaces//configmaps
        404 NotFound           GET /api/v1/namespaces//configmaps/a
        404 NotFound           DELETE /api/v1/namespaces//configmaps
        404 NotFound           POST /api/v1/namespaces//configmaps
        404 NotFound           GET /api/v1/namespaces/default//configmaps
        404 NotFound           GET /api/v1/namespaces/default/configmaps//a
        200                    GET /api/v1/namespaces/default/configmaps/a/
        200                    GET /api/v1/namespaces/default/configmaps/a//
        404 NotFound           GET /api/v1/namespaces/default/configmaps/./a
        404 NotFound           GET /api/v1/namespaces/default/configmaps/../configmaps/a
        404 NotFound           GET /api/v1/namespaces/default/configmaps/%2e%2e
        404 NotFound           GET /api/v1/namespaces/default/configmaps/a%2f..%2fb
        404 NotFound           GET /api/v1/namespaces/default%2Fconfigmaps/a
        404 NotFound           GET /api/v1/namespaces/default/configmaps/a%00
        404 NotFound           GET /api/v1/namespaces/default/configmaps/%00
        404 NotFound           GET /api/v1/namespaces/de%00fault/configmaps
        404 NotFound           GET /api/v1/namespaces/default/configmaps/%ff%fe
        404 NotFound           GET /api/v1/namespaces/default/configmaps/%zz
        200                    GET /api/v1/namespaces/default/configmaps/%61
        200                    GET /api/v1/namespaces/default/configm%61ps/a
        404 NotFound           GET /api/v1/namespaces/default/configmaps/a/b/c/d
        404 NotFound           GET /api/v1/configmaps/a
        404 NotFound           GET /api/v1/namespaces/default/namespaces
        404 NotFound           GET /api/v1/namespaces/default/nodes
        404 NotFound           GET /api/v2/namespaces
        404 NotFound           GET /apis//v1/pods
        404 NotFound           GET /apis/apps//deployments
        404 NotFound           GET /APIS/apps/v1/deployments
        404 NotFound           GET /api/v1/namespaces/default/pods/a/log/x
        404 NotFound           GET /api/v1/namespaces/default/configmaps/a/log
        404 NotFound           GET /api/v1/namespaces/default/configmaps/a/%2e%2e/log
        405 MethodNotAllowed   TRACE /api/v1/namespaces
        405 MethodNotAllowed   CONNECT /api/v1/namespaces
        405 MethodNotAllowed   BREW /api/v1/namespaces/default/configmaps/a
        405 MethodNotAllowed   OPTIONS /api/v1/namespaces
        405 MethodNotAllowed   PUT /api/v1/namespaces
        405 MethodNotAllowed   PATCH /api/v1/namespaces/default/configmaps
        405 MethodNotAllowed   POST /version
        404 NotFound           GET /api/v1/namespaces/default/configmaps/xxxxxxxxxxxxxxxxxxxxxx
    "#]]
    .assert_eq(&table);
}

/// A user who may read one namespace object asks for the secrets of all by an empty namespace: what is
/// permitted and what is done must be read from the same steps.
#[tokio::test]
async fn no_path_means_one_thing_to_roles_and_another_to_verbs() {
    let api = Api::start().await;
    let roles = "/apis/rbac.authorization.k8s.io/v1";
    api.post(
        &format!("{roles}/clusterroles"),
        json!({"metadata": {"name": "namespaces"}, "rules": [
            {"verbs": ["*"], "apiGroups": [""], "resources": ["namespaces"]},
            {"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]},
        ]}),
    )
    .await
    .expect(201);
    api.post(
        &format!("{roles}/clusterrolebindings"),
        json!({"metadata": {"name": "namespaces"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "namespaces"},
            "subjects": [{"kind": "User", "name": "jane"}]}),
    )
    .await
    .expect(201);
    api.post(
        "/api/v1/namespaces/default/secrets",
        json!({"metadata": {"name": "s"}}),
    )
    .await
    .expect(201);
    let router = api
        .server
        .router()
        .layer(Extension(Identity::user("jane", &[])));
    for (method, path) in [
        ("GET", "/api/v1/namespaces//secrets"),
        ("GET", "/api/v1/namespaces///secrets"),
        ("GET", "/api/v1/namespaces//secrets/s"),
        ("GET", "/api/v1/namespaces/default//secrets"),
        ("GET", "/api/v1//namespaces/default/secrets"),
        ("GET", "/api/v1/namespaces/default/secrets/"),
        ("GET", "/api/v1/namespaces/default/%73ecrets"),
        ("GET", "/api/v1/namespaces/default%2fsecrets"),
        ("GET", "/api/v1/namespaces/status/secrets"),
        ("GET", "/api/v1/namespaces/x%2f../secrets"),
        ("DELETE", "/api/v1/namespaces//secrets"),
        ("GET", "/api/v1/configmaps?watch=1"),
        ("GET", "/api/v1/configmaps?watch=T"),
        ("GET", "/api/v1/configmaps?%77atch=true"),
        ("GET", "/api/v1/configmaps?watch=false&watch=true"),
        ("GET", "/api/v1/configmaps?w+atch=0&watch=%74rue"),
        (
            "GET",
            "/api/v1/namespaces/default/secrets?fieldSelector=metadata.name%3Ddefault",
        ),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let code = response.status().as_u16();
        // The refused have ended; a watch that was let through would not.
        assert!(matches!(code, 403 | 404), "{method} {path}: {code}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let status: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status["kind"], "Status", "{path}");
    }
}

/// Roles may have strange names; none may be such that the data directory cannot be read again.
#[tokio::test]
async fn a_name_with_a_nul_is_refused_and_the_store_opens_again() {
    let directory = tempfile::tempdir().unwrap();
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    {
        let api = Api::over(seatrial_store::Store::open(directory.path()).unwrap()).await;
        let role = |name: &str| json!({"metadata": {"name": name}, "rules": []});
        let reply = api.post(roles, role("a\0b")).await;
        assert!(
            reply.message().contains(r"may not contain '\u{0}'"),
            "{}",
            reply.message()
        );
        reply.expect(422);
        api.post(roles, role("system:odd name ü")).await.expect(201);
        let apply = format!("{roles}/a%00b?fieldManager=x");
        api.patch(
            &apply,
            "apply",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}),
        )
        .await
        .expect(404);
    }
    let api = Api::over(seatrial_store::Store::open(directory.path()).unwrap()).await;
    api.get(&format!("{roles}/system:odd%20name%20%C3%BC"))
        .await
        .expect(200);
}
