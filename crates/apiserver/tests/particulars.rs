//! Particulars that clients meet less often than the rest: each is one that upstream's clients know.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Router};
use expect_test::expect;
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::Identity;
use seatrial_apiserver::usage::{Amount, FiguresOrigin, Measured, NodeFigures, PodFigures, Usage};
use serde_json::{Value, json};
use support::{Api, PODS, pod};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

fn of(api: &Api, name: &str) -> Router {
    api.server
        .router()
        .layer(Extension(Identity::user(name, &[])))
}

/// Code and message of a request with these headers.
async fn told(router: &Router, path: &str, headers: &[(&str, &str)]) -> String {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    format!("{code} {}", body["message"].as_str().unwrap_or_default())
}

async fn allow(api: &Api, who: &str, rules: Value) {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({ "metadata": { "name": who }, "rules": rules });
    api.post(&format!("{rbac}/clusterroles"), role)
        .await
        .expect(201);
    let binding = json!({
        "metadata": { "name": who },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": who },
        "subjects": [{ "kind": "User", "name": who }],
    });
    api.post(&format!("{rbac}/clusterrolebindings"), binding)
        .await
        .expect(201);
}

#[tokio::test]
async fn every_part_of_an_impersonation_needs_a_right_of_its_own() {
    let api = Api::start().await;
    allow(
        &api,
        "jane",
        json!([{ "verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"] }]),
    )
    .await;
    let jane = of(&api, "jane");
    let user = ("impersonate-user", "adam");
    let extra = ("impersonate-extra-acme.com%2fproject", "p1");
    let mut lines = Vec::new();
    for more in [("impersonate-uid", "u1"), extra, ("impersonate-group", "g")] {
        lines.push(told(&jane, PODS, &[user, more]).await);
    }
    lines.push(told(&jane, PODS, &[user]).await);
    expect![[r#"
        403 uids.authentication.k8s.io "u1" is forbidden: User "jane" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope
        403 userextras.authentication.k8s.io "p1" is forbidden: User "jane" cannot impersonate resource "userextras/acme.com/project" in API group "authentication.k8s.io" at the cluster scope
        403 groups "g" is forbidden: User "jane" cannot impersonate resource "groups" in API group "" at the cluster scope
        403 pods is forbidden: User "adam" cannot list resource "pods" in API group "" in the namespace "default""#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn a_local_review_is_about_its_own_namespace() {
    let api = Api::start().await;
    let path = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    let ask = async |namespace: &str| {
        let attributes = json!({ "namespace": namespace, "verb": "get", "resource": "pods" });
        let spec = json!({ "user": "jane", "resourceAttributes": attributes });
        api.post(
            path,
            json!({ "metadata": { "namespace": "default" }, "spec": spec }),
        )
        .await
    };
    let answer = ask("default").await.expect(201);
    assert_eq!(answer["status"]["allowed"], false);
    let refused = ask("other").await;
    expect![[r#"422 LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace"#]].assert_eq(&format!("{} {}", refused.code, refused.message()));
}

/// A pod uses half of what it requests.
struct Half;

#[async_trait::async_trait]
impl Usage for Half {
    async fn pods(&self, pods: &[Measured]) -> BTreeMap<(String, String), PodFigures> {
        let amount = Amount {
            cpu_nanos: 250_000_000,
            memory_bytes: 64 << 20,
        };
        let figures = |pod: &Measured| PodFigures {
            containers: pod
                .containers
                .keys()
                .map(|name| (name.clone(), amount))
                .collect(),
            window: Duration::from_secs(15),
            origin: FiguresOrigin::Measured,
        };
        pods.iter()
            .map(|pod| ((pod.namespace.clone(), pod.pod.clone()), figures(pod)))
            .collect()
    }

    async fn nodes(&self, nodes: &[String], pods: &[Measured]) -> BTreeMap<String, NodeFigures> {
        let figures = |name: &String| NodeFigures {
            amount: Amount {
                cpu_nanos: pods.iter().filter(|pod| pod.node == *name).count() as u64,
                memory_bytes: 0,
            },
            window: Duration::from_secs(15),
            origin: FiguresOrigin::Modelled,
        };
        nodes
            .iter()
            .map(|name| (name.clone(), figures(name)))
            .collect()
    }
}

#[tokio::test]
async fn figures_of_pods_and_nodes_are_those_of_whoever_measures() {
    let api = Api::start().await;
    let root = "/apis/metrics.k8s.io/v1beta1";
    let path = format!("{root}/namespaces/default/pods");
    assert_eq!(api.get(&path).await.code, 503, "nobody measures");
    api.server.state().measure_with(Arc::new(Half));
    api.post("/api/v1/nodes", json!({ "metadata": { "name": "n1" } }))
        .await
        .expect(201);
    for (name, app) in [("a", "web"), ("b", "web"), ("c", "db"), ("waits", "web")] {
        let mut pod = pod(name);
        pod["metadata"]["labels"] = json!({ "app": app });
        pod["spec"]["nodeName"] = json!("n1");
        api.post(PODS, pod).await.expect(201);
        if name != "waits" {
            let running = json!({ "status": { "phase": "Running", "containerStatuses": [
                { "name": "main", "ready": true, "restartCount": 0, "image": "i", "imageID": "i",
                  "state": { "running": {} } }] } });
            api.patch(&format!("{PODS}/{name}/status"), "merge", running)
                .await
                .expect(200);
        }
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = api.get(&path).await.expect(200);
    assert_eq!(all["kind"], "PodMetricsList");
    assert_eq!(names(&all), ["a", "b", "c"]);
    let web = api.get(&format!("{path}?labelSelector=app%3Dweb")).await;
    assert_eq!(names(&web.expect(200)), ["a", "b"]);
    let one = api.get(&format!("{path}/a")).await.expect(200);
    expect![[r#"{"apiVersion":"metrics.k8s.io/v1beta1","containers":[{"name":"main","usage":{"cpu":"250000000n","memory":"65536Ki"}}],"kind":"PodMetrics","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"web"},"name":"a","namespace":"default"},"timestamp":"2026-01-01T00:00:00Z","window":"15.000s"}"#]].assert_eq(&one.to_string());
    assert_eq!(api.get(&format!("{path}/waits")).await.code, 404);
    let nodes = api.get(&format!("{root}/nodes")).await.expect(200);
    assert_eq!(
        nodes["items"][0]["usage"],
        json!({ "cpu": "3n", "memory": "0Ki" })
    );
}

#[tokio::test]
async fn limits_hold_for_whole_pods_and_for_claims() {
    let api = Api::start().await;
    let limits = json!([
        { "type": "Pod", "max": { "cpu": "2" }, "min": { "memory": "64Mi" } },
        { "type": "Container", "maxLimitRequestRatio": { "cpu": "2" } },
        { "type": "PersistentVolumeClaim", "min": { "storage": "1Gi" }, "max": { "storage": "5Gi" } },
    ]);
    let range = json!({ "metadata": { "name": "limits" }, "spec": { "limits": limits } });
    api.post("/api/v1/namespaces/default/limitranges", range)
        .await
        .expect(201);
    let mut lines = Vec::new();
    let container = |name: &str, resources: Value| json!({ "name": name, "image": "i", "resources": resources });
    let amount = |cpu: &str| json!({ "cpu": cpu, "memory": "64Mi" });
    let both = |limits: &str, requests: &str| json!({ "limits": amount(limits), "requests": amount(requests) });
    for containers in [
        json!([
            container("a", both("1500m", "1500m")),
            container("b", both("1", "1"))
        ]),
        json!([container("a", both("2", "500m"))]),
        json!([container(
            "a",
            json!({ "limits": { "cpu": "1", "memory": "1Mi" } })
        )]),
    ] {
        let mut pod = pod("p");
        pod["spec"]["containers"] = containers;
        let refused = api.post(PODS, pod).await;
        lines.push(format!("{} {}", refused.code, refused.message()));
    }
    for storage in ["1Mi", "9Gi", "2Gi"] {
        let spec = json!({ "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "resources": { "requests": { "storage": storage } } });
        let claim = json!({ "metadata": { "name": "c" }, "spec": spec });
        let path = "/api/v1/namespaces/default/persistentvolumeclaims";
        let reply = api.post(path, claim).await;
        lines.push(format!("{} {}", reply.code, reply.message()));
    }
    expect![[r#"
        403 pods "p" is forbidden: maximum cpu usage per Pod is 2, but limit is 2500m
        403 pods "p" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000
        403 pods "p" is forbidden: minimum memory usage per Pod is 64Mi, but request is 1Mi
        403 persistentvolumeclaims "c" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi
        403 persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 9Gi
        201 "#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn unready_pods_are_evicted_as_their_budget_says() {
    let api = Api::start().await;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let mut lines = Vec::new();
    for (policy, healthy, ready) in [
        (None, 0, "False"),
        (None, 2, "False"),
        (Some("IfHealthyBudget"), 1, "False"),
        (Some("AlwaysAllow"), 0, "True"),
        (Some("AlwaysAllow"), 0, "False"),
    ] {
        let mut web = pod("web");
        web["metadata"]["labels"] = json!({ "app": "web" });
        api.post(PODS, web).await.expect(201);
        let status = json!({ "status": { "phase": "Running",
            "conditions": [{ "type": "Ready", "status": ready }] } });
        api.patch(&format!("{PODS}/web/status"), "merge", status)
            .await
            .expect(200);
        let spec = json!({ "minAvailable": 2, "unhealthyPodEvictionPolicy": policy,
            "selector": { "matchLabels": { "app": "web" } } });
        api.post(
            budgets,
            json!({ "metadata": { "name": "b" }, "spec": spec }),
        )
        .await
        .expect(201);
        let counted = json!({ "status": { "observedGeneration": 1, "desiredHealthy": 2,
            "currentHealthy": healthy, "disruptionsAllowed": 0, "expectedPods": 2 } });
        api.patch(&format!("{budgets}/b/status"), "merge", counted)
            .await
            .expect(200);
        let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": "web" } });
        let reply = api.post(&format!("{PODS}/web/eviction"), eviction).await;
        lines.push(format!(
            "{policy:?}, {healthy} of 2 healthy, ready {ready}: {}",
            reply.code
        ));
        api.delete(&format!("{budgets}/b")).await;
        api.delete_with(&format!("{PODS}/web"), json!({ "gracePeriodSeconds": 0 }))
            .await;
    }
    expect![[r#"
        None, 0 of 2 healthy, ready False: 429
        None, 2 of 2 healthy, ready False: 201
        Some("IfHealthyBudget"), 1 of 2 healthy, ready False: 429
        Some("AlwaysAllow"), 0 of 2 healthy, ready True: 429
        Some("AlwaysAllow"), 0 of 2 healthy, ready False: 201"#]]
    .assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn ephemeral_containers_come_by_their_own_path_only() {
    let api = Api::start().await;
    api.post(PODS, pod("p")).await.expect(201);
    let path = format!("{PODS}/p/ephemeralcontainers");
    let debug = json!({ "spec": { "ephemeralContainers": [
        { "name": "debugger", "image": "busybox", "targetContainerName": "main" }] } });
    let made = api.patch(&path, "strategic-merge", debug.clone()).await;
    let made = made.expect(200);
    assert_eq!(made["kind"], "Pod");
    assert_eq!(
        made["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"],
        "File"
    );
    let refusals = [
        api.patch(
            &path,
            "merge",
            json!({ "spec": { "ephemeralContainers": [] } }),
        )
        .await,
        api.patch(
            &path,
            "strategic-merge",
            json!({ "spec": { "ephemeralContainers": [
            { "name": "main", "image": "busybox" }] } }),
        )
        .await,
        api.patch(
            &format!("{PODS}/p"),
            "merge",
            json!({ "spec": { "ephemeralContainers": null } }),
        )
        .await,
    ];
    let lines = refusals.map(|reply| format!("{} {}", reply.code, reply.message()));
    expect![[r#"
        422 Pod "p" is invalid: spec.ephemeralContainers: Forbidden: existing ephemeral containers "debugger" may not be removed

        422 Pod "p" is invalid: spec.ephemeralContainers[0].name: Duplicate value: "main"
        422 Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"#]].assert_eq(&lines.join("\n"));
    let mut with = pod("q");
    with["spec"]["ephemeralContainers"] = debug["spec"]["ephemeralContainers"].clone();
    let refused = api.post(PODS, with).await;
    expect![[
        r#"Pod "q" is invalid: spec.ephemeralContainers: Forbidden: cannot be set on create"#
    ]]
    .assert_eq(refused.message());
}

#[tokio::test]
async fn every_built_in_kind_speaks_protobuf() {
    let api = Api::start().await;
    let protobuf = "application/vnd.kubernetes.protobuf";
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut spoken = 0;
    let mut others = Vec::new();
    for root in ["/api", "/apis"] {
        let groups = api.get_as(root, accept).await.expect(200);
        for group in groups["items"].as_array().unwrap() {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            for version in group["versions"].as_array().unwrap() {
                let number = version["version"].as_str().unwrap();
                let base = match name {
                    "" => format!("/api/{number}"),
                    name => format!("/apis/{name}/{number}"),
                };
                for kind in version["resources"].as_array().unwrap() {
                    let plural = kind["resource"].as_str().unwrap();
                    if !kind["verbs"].as_array().unwrap().contains(&json!("list")) {
                        continue;
                    }
                    let path = format!("{base}/{plural}");
                    let reply = api.get_as(&path, protobuf).await;
                    let media = reply.headers["content-type"].to_str().unwrap_or_default();
                    let posted = api.raw("POST", &path, protobuf, "no protobuf").await;
                    if reply.code == 200 && media == protobuf && posted.code != 415 {
                        spoken += 1;
                    } else {
                        others.push(format!("{path}: {} {media}, {}", reply.code, posted.code));
                    }
                }
            }
        }
    }
    assert!(spoken > 50, "{spoken}");
    expect![[r#"
        /apis/metrics.k8s.io/v1beta1/nodes: 503 application/json, 405
        /apis/metrics.k8s.io/v1beta1/pods: 503 application/json, 405"#]]
    .assert_eq(&others.join("\n"));
}

#[tokio::test]
async fn a_watch_goes_over_a_websocket_too() {
    let api = Api::start().await;
    api.post(PODS, pod("p")).await.expect(201);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = api.server.router().layer(Extension(Identity::admin()));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {PODS}?watch=true&resourceVersion=0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let mut names = Vec::new();
    for name in ["p", "q"] {
        let kind = stream.read_u8().await.unwrap();
        assert_eq!(kind, 0x81, "a whole text message");
        let length = match stream.read_u8().await.unwrap() {
            126 => usize::from(stream.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut text = vec![0; length];
        stream.read_exact(&mut text).await.unwrap();
        let event: Value = serde_json::from_slice(&text).unwrap();
        names.push(format!(
            "{} {}",
            event["type"].as_str().unwrap(),
            event["object"]["metadata"]["name"].as_str().unwrap()
        ));
        if name == "p" {
            api.post(PODS, pod("q")).await.expect(201);
        }
    }
    assert_eq!(names, ["ADDED p", "ADDED q"]);
    serving.abort();
}

#[tokio::test]
async fn lists_refuse_what_upstream_refuses() {
    let api = Api::start().await;
    let newest = api.get(PODS).await.expect(200)["metadata"]["resourceVersion"].clone();
    let newest = format!("current: {}", newest.as_str().unwrap());
    let mut lines = Vec::new();
    for query in [
        "resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=Sometimes",
        "sendInitialEvents=true",
        "watch=true&sendInitialEvents=true",
        "watch=true&resourceVersion=1&resourceVersionMatch=Exact",
        "continue=abc",
        "resourceVersion=abc",
        "resourceVersion=999999&resourceVersionMatch=NotOlderThan",
    ] {
        let reply = api.get(&format!("{PODS}?{query}&timeoutSeconds=0")).await;
        let message = reply.message().replace(&newest, "current: the newest");
        lines.push(format!("{} {message}", reply.code));
    }
    expect![[r#"
        422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided
        422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"
        422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "Sometimes": supported values: "Exact", "NotOlderThan", ""
        422 ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list
        422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan
        422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided
        400 continue key is not valid
        400 invalid query parameter resourceVersion="abc": no number
        504 Too large resource version: 999999, current: the newest"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn a_definition_is_published_and_taken_back() {
    let api = Api::start().await;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let schema = json!({ "openAPIV3Schema": { "type": "object", "description": "A boat.",
        "properties": { "spec": { "type": "object", "properties": {
            "length": { "type": "integer", "description": "In feet." } } } } } });
    let definition = json!({ "metadata": { "name": "boats.example.com" }, "spec": {
        "group": "example.com", "scope": "Namespaced", "names": { "kind": "Boat", "plural": "boats" },
        "versions": [{ "name": "v1", "served": true, "storage": true, "schema": schema }] } });
    api.post(definitions, definition).await.expect(201);
    let document = api.get("/openapi/v3/apis/example.com/v1").await.expect(200);
    let boat = &document["components"]["schemas"]["com.example.v1.Boat"];
    assert_eq!(boat["description"], "A boat.");
    assert_eq!(
        boat["properties"]["spec"]["properties"]["length"]["description"],
        "In feet."
    );
    assert_eq!(
        boat["x-kubernetes-group-version-kind"],
        json!([{ "group": "example.com", "kind": "Boat", "version": "v1" }])
    );
    let item = "/apis/example.com/v1/namespaces/{namespace}/boats/{name}";
    assert!(document["paths"][item]["get"].is_object());
    let old = api.get("/openapi/v2").await.expect(200);
    assert!(old["definitions"]["com.example.v1.Boat"].is_object());
    assert!(old["paths"][item]["get"].is_object());
    api.delete(&format!("{definitions}/boats.example.com"))
        .await
        .expect(200);
    api.get("/openapi/v3/apis/example.com/v1").await.expect(404);
    let old = api.get("/openapi/v2").await.expect(200);
    assert!(old["definitions"]["com.example.v1.Boat"].is_null());
}

#[tokio::test]
async fn a_token_is_reviewed_for_its_audiences() {
    let api = Api::start().await;
    let account = json!({ "metadata": { "name": "robot" } });
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    api.post(accounts, account).await.expect(201);
    let token = async |audiences: Value| {
        let asked = json!({ "spec": { "audiences": audiences } });
        let made = api.post(&format!("{accounts}/robot/token"), asked).await;
        made.expect(201)["status"]["token"].clone()
    };
    let review = async |token: Value, audiences: Value| {
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let asked = json!({ "spec": { "token": token, "audiences": audiences } });
        let mut status = api.post(path, asked).await.expect(201)["status"].take();
        if let Some(user) = status.get_mut("user") {
            // Uids differ from run to run of other tests.
            *user = user["username"].take();
        }
        status.to_string()
    };
    let (usual, vault) = (token(json!([])).await, token(json!(["vault"])).await);
    let lines = [
        review(usual.clone(), json!([])).await,
        review(usual, json!(["vault"])).await,
        review(vault.clone(), json!(["vault", "other"])).await,
        review(vault, json!([])).await,
        review(json!("nonsense"), json!([])).await,
    ];
    expect![[r#"
        {"audiences":["https://kubernetes.default.svc.cluster.local"],"authenticated":true,"user":"system:serviceaccount:default:robot"}
        {"authenticated":false,"error":"token audiences [\"https://kubernetes.default.svc.cluster.local\"] is invalid for the target audiences [\"vault\"]","user":null}
        {"audiences":["vault"],"authenticated":true,"user":"system:serviceaccount:default:robot"}
        {"authenticated":false,"error":"token audiences [\"vault\"] is invalid for the target audiences [\"https://kubernetes.default.svc.cluster.local\"]","user":null}
        {"authenticated":false,"error":"invalid bearer token","user":null}"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn secrets_cannot_be_read_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let sealer = seatrial_apiserver::seal::Sealer::new(&[7; 32]).unwrap();
    let store = seatrial_store::Store::open_sealed(directory.path(), Arc::new(sealer)).unwrap();
    let api = Api::over(store).await;
    let secret = json!({ "metadata": { "name": "s" }, "stringData": { "password": "hunter2" } });
    api.post("/api/v1/namespaces/default/secrets", secret)
        .await
        .expect(201);
    let mut map = support::config_map("m");
    map["data"] = json!({ "plain": "seen by everybody" });
    api.post(support::MAPS, map).await.expect(201);
    let mut all = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let has = |text: &[u8]| all.windows(text.len()).any(|part| part == text);
    assert!(has(b"seen by everybody"));
    assert!(!has(b"hunter2") && !has(b"aHVudGVyMg"));
    let read = api.get("/api/v1/namespaces/default/secrets/s").await;
    assert_eq!(read.expect(200)["data"]["password"], "aHVudGVyMg==");
}
