//! Who may do what: roles, nodes, tokens, questions, and what is written down about it.

#![allow(clippy::unwrap_used)] // Tests.

mod records;
#[path = "../support/mod.rs"]
mod support;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::{Extension, Router};
use expect_test::expect;
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use seatrial_apiserver::audit::{Policy, Sink};
use serde_json::{Value, json};
use support::{Api, MAPS, PODS, Reply, config_map, pod};
use tower::ServiceExt as _;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Somebody, and what they ask.
struct Somebody(Router);

impl Somebody {
    fn of(api: &Api, identity: Identity) -> Self {
        Self(api.server.router().layer(Extension(identity)))
    }

    fn user(api: &Api, name: &str) -> Self {
        Self::of(api, Identity::user(name, &[]))
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(
            "content-type",
            match method {
                "PATCH" => "application/merge-patch+json",
                _ => "application/json",
            },
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let response = self
            .0
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            code: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], body).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], Value::Null).await
    }
}

fn role(name: &str, rules: Value) -> Value {
    json!({ "metadata": { "name": name }, "rules": rules })
}

fn binding(name: &str, kind: &str, role: &str, subject: Value) -> Value {
    json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role },
        "subjects": [subject],
    })
}

fn user(name: &str) -> Value {
    json!({ "kind": "User", "name": name })
}

fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({ "verbs": verbs, "apiGroups": [group], "resources": resources })
}

async fn bind(api: &Api, name: &str, kind: &str, role: &str, subject: Value) {
    let path = format!("{RBAC}/namespaces/default/rolebindings");
    api.post(&path, binding(name, kind, role, subject))
        .await
        .expect(201);
}

#[tokio::test]
async fn nobody_may_do_anything_until_a_role_says_so_and_only_while_it_does() {
    let api = Api::start().await;
    let jane = Somebody::user(&api, "jane");
    expect![[r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default""#]]
        .assert_eq(jane.get(PODS).await.message());
    let refused = jane.post(MAPS, config_map("a")).await;
    assert_eq!(
        (refused.code, refused.body["reason"].as_str()),
        (403, Some("Forbidden"))
    );
    assert_eq!(refused.body["details"], json!({ "kind": "configmaps" }));
    expect![[r#"forbidden: User "jane" cannot get path "/metrics""#]]
        .assert_eq(jane.get("/metrics").await.message());
    for path in [
        "/api",
        "/apis/apps/v1",
        "/openapi/v3",
        "/version",
        "/healthz",
    ] {
        assert_eq!(jane.get(path).await.code, 200, "{path}");
    }

    bind(&api, "jane", "ClusterRole", "view", user("jane")).await;
    jane.get(PODS).await.expect(200);
    assert_eq!(jane.get("/api/v1/pods").await.code, 403);
    assert_eq!(
        jane.get("/api/v1/namespaces/default/secrets").await.code,
        403
    );
    assert_eq!(jane.post(PODS, pod("p")).await.code, 403);
    let path = format!("{RBAC}/namespaces/default/rolebindings/jane");
    api.delete(&path).await.expect(200);
    assert_eq!(jane.get(PODS).await.code, 403);
}

#[tokio::test]
async fn a_missing_role_is_named_and_roles_take_effect_at_once() {
    let api = Api::start().await;
    let jane = Somebody::user(&api, "jane");
    bind(&api, "jane", "Role", "maps", user("jane")).await;
    expect![[r#"configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default": RBAC: role.rbac.authorization.k8s.io "maps" not found"#]]
        .assert_eq(jane.get(MAPS).await.message());
    let path = format!("{RBAC}/namespaces/default/roles");
    let one = json!({ "verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"] });
    api.post(&path, role("maps", json!([one])))
        .await
        .expect(201);
    assert_eq!(jane.get(MAPS).await.code, 403);
    assert_eq!(
        jane.get(&format!("{MAPS}?fieldSelector=metadata.name%3Da"))
            .await
            .code,
        200
    );
    assert_eq!(jane.get(&format!("{MAPS}/a")).await.code, 404);
    assert_eq!(jane.get(&format!("{MAPS}/b")).await.code, 403);
    let wider = json!({ "rules": [rule(&["*"], "", &["configmaps"])] });
    api.patch(&format!("{path}/maps"), "merge", wider)
        .await
        .expect(200);
    jane.post(MAPS, config_map("b")).await.expect(201);
    // Applying what is not there yet creates it.
    let only = json!({ "rules": [rule(&["patch"], "", &["configmaps"])] });
    api.patch(&format!("{path}/maps"), "merge", only)
        .await
        .expect(200);
    let request = Request::builder()
        .method("PATCH")
        .uri(format!("{MAPS}/c?fieldManager=x"))
        .header("content-type", "application/apply-patch+yaml")
        .body(Body::from(
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" } })
                .to_string(),
        ));
    let response = jane.0.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn nobody_gives_away_what_they_do_not_have() {
    let api = Api::start().await;
    let admin = Somebody::user(&api, "adam");
    bind(&api, "adam", "ClusterRole", "admin", user("adam")).await;
    let roles = format!("{RBAC}/namespaces/default/roles");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    admin
        .post(
            &roles,
            role("fine", json!([rule(&["get", "list"], "", &["pods"])])),
        )
        .await
        .expect(201);
    admin
        .post(
            &bindings,
            binding("fine", "ClusterRole", "edit", user("bob")),
        )
        .await
        .expect(201);
    let too_much = role(
        "more",
        json!([rule(&["get", "bind"], "apps", &["deployments", "nodes"])]),
    );
    expect![[r#"
        roles.rbac.authorization.k8s.io "more" is forbidden: user "adam" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
        {APIGroups:["apps"], Resources:["deployments"], Verbs:["bind"]}
        {APIGroups:["apps"], Resources:["nodes"], Verbs:["get" "bind"]}"#]]
    .assert_eq(admin.post(&roles, too_much.clone()).await.message());
    let all = binding("all", "ClusterRole", "cluster-admin", user("adam"));
    expect![[r#"
        rolebindings.rbac.authorization.k8s.io "all" is forbidden: user "adam" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
        {APIGroups:["*"], Resources:["*"], Verbs:["*"]}
        {NonResourceURLs:["*"], Verbs:["*"]}"#]]
    .assert_eq(admin.post(&bindings, all.clone()).await.message());

    let powers = json!([
        { "verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["cluster-admin"] },
        rule(&["escalate"], "rbac.authorization.k8s.io", &["roles"]),
    ]);
    api.post(&roles, role("powers", powers)).await.expect(201);
    bind(&api, "powers", "Role", "powers", user("adam")).await;
    admin.post(&roles, too_much).await.expect(201);
    admin.post(&bindings, all).await.expect(201);
    let other = json!({ "roleRef": { "name": "view" } });
    let path = format!("{bindings}/all");
    let message = api.patch(&path, "merge", other).await;
    assert!(
        message.message().contains("cannot change roleRef"),
        "{}",
        message.message()
    );
}

#[tokio::test]
async fn upstreams_roles_are_there_and_come_back() {
    let api = Api::start().await;
    let list = api.get(&format!("{RBAC}/clusterroles")).await.expect(200);
    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["metadata"]["name"].as_str().unwrap())
        .collect();
    for name in [
        "admin",
        "cluster-admin",
        "edit",
        "view",
        "system:node",
        "system:controller:deployment-controller",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    let view = api
        .get(&format!("{RBAC}/clusterroles/edit"))
        .await
        .expect(200);
    let rules = view["rules"].as_array().unwrap();
    assert!(
        rules
            .iter()
            .any(|rule| rule["resources"].to_string().contains("virtualservices"))
    );
    assert!(rules.len() > 20, "those of view are part of edit");
}

#[tokio::test]
async fn somebody_may_act_as_another_only_where_a_role_says_so() {
    let api = Api::start().await;
    let admin = Somebody::of(&api, Identity::admin());
    let as_jane = [("impersonate-user", "jane"), ("impersonate-group", "devs")];
    let review = json!({ "metadata": {} });
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let who = admin
        .send("POST", path, &as_jane, review.clone())
        .await
        .expect(201);
    assert_eq!(
        who["status"]["userInfo"],
        json!({ "username": "jane", "groups": ["devs", "system:authenticated"] })
    );
    assert_eq!(
        admin.send("GET", PODS, &as_jane, Value::Null).await.code,
        403
    );
    let account = [("impersonate-user", "system:serviceaccount:default:x")];
    let who = admin.send("POST", path, &account, review).await.expect(201);
    assert_eq!(
        who["status"]["userInfo"]["groups"][1],
        "system:serviceaccounts:default"
    );

    let jane = Somebody::user(&api, "jane");
    let refused = jane
        .send("GET", PODS, &[("impersonate-user", "adam")], Value::Null)
        .await;
    expect![[r#"users "adam" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope"#]].assert_eq(refused.message());
    let nobody = admin
        .send("GET", PODS, &[("impersonate-group", "devs")], Value::Null)
        .await;
    assert_eq!(nobody.code, 400);
}

#[tokio::test]
async fn questions_about_rights_are_answered_with_reasons() {
    let api = Api::start().await;
    bind(&api, "jane", "ClusterRole", "view", user("jane")).await;
    let jane = Somebody::user(&api, "jane");
    let ask = async |resource: &str, verb: &str| {
        let asked = json!({ "spec": { "resourceAttributes": { "namespace": "default", "verb": verb, "resource": resource } } });
        jane.post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            asked,
        )
        .await
        .expect(201)["status"]
            .take()
    };
    assert_eq!(
        ask("pods", "list").await,
        json!({
            "allowed": true,
            "reason": r#"RBAC: allowed by RoleBinding "jane/default" of ClusterRole "view" to User "jane""#,
        })
    );
    assert_eq!(ask("secrets", "get").await, json!({ "allowed": false }));
    let other = json!({ "spec": { "user": "jane", "resourceAttributes": { "namespace": "default", "verb": "get", "resource": "pods" } } });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    assert_eq!(jane.post(path, other.clone()).await.code, 403);
    assert_eq!(
        api.post(path, other).await.expect(201)["status"]["allowed"],
        true
    );
    let rules = json!({ "spec": { "namespace": "default" } });
    let rules = jane
        .post(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            rules,
        )
        .await
        .expect(201);
    assert_eq!(rules["status"]["incomplete"], false);
    assert!(
        rules["status"]["resourceRules"]
            .to_string()
            .contains("pods/log")
    );
    assert!(
        rules["status"]["nonResourceRules"]
            .to_string()
            .contains("/openapi")
    );
    let empty = api.post(path, json!({ "spec": { "user": "jane" } })).await;
    assert_eq!(empty.code, 422, "{}", empty.message());
}

#[tokio::test]
async fn a_node_sees_what_its_pods_use_and_changes_what_is_its_own() {
    let api = Api::start().await;
    let node = Somebody::of(&api, Identity::node("n1"));
    let other = Somebody::of(&api, Identity::node("n2"));
    for name in ["used", "unused"] {
        api.post(
            "/api/v1/namespaces/default/secrets",
            json!({ "metadata": { "name": name } }),
        )
        .await
        .expect(201);
    }
    let mut with_secret = pod("p");
    with_secret["spec"]["nodeName"] = json!("n1");
    with_secret["spec"]["volumes"] = json!([{ "name": "s", "secret": { "secretName": "used" } }]);
    api.post(PODS, with_secret).await.expect(201);

    node.get("/api/v1/namespaces/default/secrets/used")
        .await
        .expect(200);
    expect![[r#"secrets "unused" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found between node 'n1' and this object"#]]
        .assert_eq(node.get("/api/v1/namespaces/default/secrets/unused").await.message());
    assert_eq!(
        other
            .get("/api/v1/namespaces/default/secrets/used")
            .await
            .code,
        403
    );
    assert_eq!(
        node.get("/api/v1/namespaces/default/secrets").await.code,
        403
    );

    node.post("/api/v1/nodes", json!({ "metadata": { "name": "n1" } }))
        .await
        .expect(201);
    expect![[r#"nodes "n1" is forbidden: node "n2" is not allowed to modify node "n1""#]]
        .assert_eq(
            other
                .send(
                    "PATCH",
                    "/api/v1/nodes/n1",
                    &[],
                    json!({ "metadata": { "labels": { "a": "b" } } }),
                )
                .await
                .message(),
        );
    let status = json!({ "status": { "phase": "Running" } });
    let path = format!("{PODS}/p/status");
    expect![[r#"pods "p" is forbidden: node "n2" can only update pod status for pods with spec.nodeName set to itself"#]]
        .assert_eq(other.send("PATCH", &path, &[], status.clone()).await.message());
    node.send("PATCH", &path, &[], status).await.expect(200);
    assert_eq!(other.delete(&format!("{PODS}/p")).await.code, 403);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    node.post(leases, json!({ "metadata": { "name": "n1" } }))
        .await
        .expect(201);
    assert_eq!(other.get(&format!("{leases}/n1")).await.code, 403);
}

#[tokio::test]
async fn tokens_say_who_for_whom_and_end_with_what_they_are_bound_to() {
    let api = Api::start().await;
    api.post(PODS, pod("p")).await.expect(201);
    let path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    let ask = async |spec: Value| api.post(path, json!({ "spec": spec })).await;
    let review = async |token: &Value, audiences: Value| {
        let body = json!({ "spec": { "token": token, "audiences": audiences } });
        api.post("/apis/authentication.k8s.io/v1/tokenreviews", body)
            .await
            .expect(201)["status"]
            .take()
    };
    let bound = json!({ "apiVersion": "v1", "kind": "Pod", "name": "p" });
    let reply =
        ask(json!({ "boundObjectRef": bound, "audiences": ["vault"], "expirationSeconds": 600 }))
            .await
            .expect(201);
    assert_eq!(
        reply["status"]["expirationTimestamp"],
        "2026-01-01T00:10:00Z"
    );
    let token = &reply["status"]["token"];
    let known = review(token, json!(["vault", "other"])).await;
    assert_eq!(known["audiences"], json!(["vault"]));
    assert_eq!(
        known["user"]["username"],
        "system:serviceaccount:default:default"
    );
    assert_eq!(
        known["user"]["extra"]["authentication.kubernetes.io/pod-name"],
        json!(["p"])
    );
    assert_eq!(review(token, json!([])).await["authenticated"], false);
    api.delete_with(&format!("{PODS}/p"), json!({ "gracePeriodSeconds": 0 }))
        .await
        .expect(200);
    let gone = review(token, json!(["vault"])).await;
    assert_eq!(gone["error"], "service account token has been invalidated");
    assert_eq!(
        review(&json!("x.y.z"), json!([])).await["authenticated"],
        false
    );
    expect![[r#"TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes"#]]
        .assert_eq(ask(json!({ "expirationSeconds": 5 })).await.message());
    let keys = api.get("/openid/v1/jwks").await.expect(200);
    assert_eq!(keys["keys"][0]["alg"], "ES256");
    let document = api
        .get("/.well-known/openid-configuration")
        .await
        .expect(200);
    assert_eq!(
        document["issuer"],
        "https://kubernetes.default.svc.cluster.local"
    );
}
