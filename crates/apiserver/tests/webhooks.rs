//! Webhooks that answer, refuse, change, lie, hang and are down, behind a real TLS server.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use expect_test::expect;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seatrial_apiserver::stream::{
    ContainerPlace, Duplex, PodPlace, PodStreams, StreamError, Wires,
};
use seatrial_apiserver::tls;
use serde_json::{Value, json};
use support::{Api, DEPLOYMENTS, MAPS, config_map, deployment};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const HOOKS: &str = "/apis/admissionregistration.k8s.io/v1";

/// A webhook server. The path says how it behaves; it remembers what it was asked.
struct Server {
    url: String,
    port: u16,
    bundle: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    async fn start() -> Self {
        let authority = tls::authority().unwrap();
        let names = ["guard.default.svc".to_owned()];
        let pair = tls::issue(&authority, &names).unwrap();
        let acceptor = TlsAcceptor::from(tls::configuration(&pair).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| answer(request, Arc::clone(&noted)));
                    let serving = hyper::server::conn::http1::Builder::new();
                    let _ = serving
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url: format!("https://127.0.0.1:{port}"),
            port,
            bundle: STANDARD.encode(authority.certificate),
            asked,
        }
    }

    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn hook(&self, name: &str, path: &str, rest: Value) -> Value {
        let mut hook = json!({
            "name": format!("{name}.example.com"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": { "url": format!("{}/{path}", self.url), "caBundle": self.bundle },
            "rules": [{ "operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"] }],
        });
        hook.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        hook
    }
}

async fn answer(
    request: Request<Incoming>,
    noted: Arc<Mutex<Vec<(String, Value)>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    noted
        .lock()
        .unwrap()
        .push((path.clone(), review["request"].clone()));
    let labelled = |key: &str| {
        let labels = review.pointer("/request/object/metadata/labels");
        labels.is_some_and(|labels| labels.get(key).is_some())
    };
    let label = |key: &str| match review.pointer("/request/object/metadata/labels") {
        Some(_) => {
            json!([{"op": "add", "path": format!("/metadata/labels/{key}"), "value": "yes"}])
        }
        None => json!([{"op": "add", "path": "/metadata/labels", "value": {key: "yes"}}]),
    };
    let patched = |operations: Value| json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())});
    let mut response = match path.as_str() {
        "deny" => {
            json!({"allowed": false, "status": {"message": "no maps today", "code": 418, "reason": "Teapot"}})
        }
        "silent" => json!({"allowed": false}),
        "warn" => {
            json!({"allowed": true, "warnings": ["be \"careful\""], "auditAnnotations": {"seen": "yes"}})
        }
        "first" if !labelled("first") => patched(label("first")),
        "second" if !labelled("second") => patched(label("second")),
        "broken-patch" => patched(json!([{"op": "remove", "path": "/no/such"}])),
        "hang" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            json!({})
        }
        _ => json!({"allowed": true}),
    };
    response["uid"] = review["request"]["uid"].clone();
    if path == "liar" {
        response["uid"] = json!("another");
    }
    let code = if path == "error" { 500 } else { 200 };
    let text = match path.as_str() {
        "garbage" => "<html>".to_owned(),
        "error" => "out of coffee".to_owned(),
        _ => json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string(),
    };
    Ok(Response::builder()
        .status(code)
        .body(Full::from(text))
        .unwrap())
}

async fn install(api: &Api, kind: &str, hooks: Vec<Value>) {
    let plural = format!("{}webhookconfigurations", kind.to_lowercase());
    let configuration = json!({ "metadata": { "name": "test" }, "webhooks": hooks });
    let path = format!("{HOOKS}/{plural}/test");
    if api.get(&path).await.code == 200 {
        api.delete(&path).await.expect(200);
    }
    api.post(&format!("{HOOKS}/{plural}"), configuration)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_validating_webhook_sees_the_change_and_refuses_in_its_own_words() {
    let (api, server) = (Api::start().await, Server::start().await);
    install(
        &api,
        "Validating",
        vec![server.hook("deny", "deny", json!({}))],
    )
    .await;
    let refused = api.post(MAPS, config_map("a")).await;
    expect![[r#"{"apiVersion":"v1","code":418,"kind":"Status","message":"admission webhook \"deny.example.com\" denied the request: no maps today","metadata":{},"reason":"Teapot","status":"Failure"}"#]]
        .assert_eq(&refused.body.to_string());
    assert_eq!(refused.code, 418);
    let (_, mut request) = server.asked().remove(0);
    assert_eq!(request["object"]["data"]["key"], "value");
    request["object"] = Value::Null;
    request["uid"] = Value::Null;
    expect![[r#"{"dryRun":false,"kind":{"group":"","kind":"ConfigMap","version":"v1"},"name":"a","namespace":"default","object":null,"oldObject":null,"operation":"CREATE","options":{"apiVersion":"meta.k8s.io/v1","kind":"CreateOptions"},"requestKind":{"group":"","kind":"ConfigMap","version":"v1"},"requestResource":{"group":"","resource":"configmaps","version":"v1"},"resource":{"group":"","resource":"configmaps","version":"v1"},"uid":null,"userInfo":{"groups":["system:masters","system:authenticated"],"username":"seatrial-admin"}}"#]].assert_eq(&request.to_string());
    install(
        &api,
        "Validating",
        vec![server.hook("silent", "silent", json!({}))],
    )
    .await;
    let refused = api.post(MAPS, config_map("a")).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "admission webhook \"silent.example.com\" denied the request without explanation"
        )
    );
    install(
        &api,
        "Validating",
        vec![server.hook("warn", "warn", json!({}))],
    )
    .await;
    let warned = api.post(MAPS, config_map("a")).await;
    assert_eq!(warned.headers["warning"], r#"299 - "be \"careful\"""#);
    warned.expect(201);
    server.asked();
    api.delete(&format!("{MAPS}/a")).await.expect(200);
    let (_, request) = server.asked().remove(0);
    assert_eq!(request["operation"], "DELETE");
    assert_eq!(
        (
            &request["object"],
            &request["oldObject"]["metadata"]["name"]
        ),
        (&Value::Null, &json!("a"))
    );
}

#[tokio::test]
async fn who_gives_no_usable_answer_is_an_error_or_ignored() {
    let (api, server) = (Api::start().await, Server::start().await);
    let mut lines = Vec::new();
    let short = json!({"timeoutSeconds": 1});
    let down = json!({"clientConfig": {"url": "https://127.0.0.1:1/x", "caBundle": server.bundle}});
    let stranger = STANDARD.encode(tls::authority().unwrap().certificate);
    let untrusted = json!({"clientConfig": {"url": server.url, "caBundle": stranger}});
    for (path, rest) in [
        ("liar", json!({})),
        ("garbage", json!({})),
        ("error", json!({})),
        ("hang", short.clone()),
        ("down", down.clone()),
        ("untrusted", untrusted),
    ] {
        install(&api, "Validating", vec![server.hook(path, path, rest)]).await;
        let refused = api.post(MAPS, config_map("a")).await;
        let message = refused.message().replace(&server.port.to_string(), "PORT");
        let message = match message.split_once("expected response.uid=\"") {
            Some((before, after)) => format!("{before}expected response.uid=UID{}", &after[37..]),
            None => message,
        };
        lines.push(format!("{} {message}", refused.code));
    }
    expect![[r#"
        500 Internal error occurred: failed calling webhook "liar.example.com": received invalid webhook response: expected response.uid=UID, got "another"
        500 Internal error occurred: failed calling webhook "garbage.example.com": failed to call webhook: couldn't decode the response: expected value at line 1 column 1
        500 Internal error occurred: failed calling webhook "error.example.com": failed to call webhook: an error on the server ("out of coffee") has prevented the request from succeeding (code 500)
        500 Internal error occurred: failed calling webhook "hang.example.com": failed to call webhook: Post "https://127.0.0.1:PORT/hang?timeout=1s": context deadline exceeded
        500 Internal error occurred: failed calling webhook "down.example.com": failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused
        500 Internal error occurred: failed calling webhook "untrusted.example.com": failed to call webhook: Post "https://127.0.0.1:PORT?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority"#]].assert_eq(&lines.join("\n"));
    for (path, rest) in [("liar", json!({})), ("hang", short), ("down", down)] {
        let mut hook = server.hook(path, path, rest);
        hook["failurePolicy"] = json!("Ignore");
        install(&api, "Validating", vec![hook]).await;
        api.post(MAPS, config_map(path)).await.expect(201);
    }
}

#[tokio::test]
async fn mutating_webhooks_change_objects_and_see_them_again() {
    let (api, server) = (Api::start().await, Server::start().await);
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    let hooks = vec![
        server.hook("first", "first", again),
        server.hook("second", "second", json!({})),
    ];
    install(&api, "Mutating", hooks).await;
    let made = api.post(MAPS, config_map("a")).await.expect(201);
    assert_eq!(
        made["metadata"]["labels"],
        json!({"first": "yes", "second": "yes"})
    );
    let paths: Vec<String> = server.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["first", "second", "first"]);
    install(
        &api,
        "Mutating",
        vec![server.hook("bad", "broken-patch", json!({}))],
    )
    .await;
    assert_eq!(api.post(MAPS, config_map("b")).await.code, 500);
}

#[tokio::test]
async fn selectors_and_conditions_choose_the_changes() {
    let (api, server) = (Api::start().await, Server::start().await);
    let cases = [
        (json!({"objectSelector": {"matchLabels": {"app": "x"}}}), 0),
        (
            json!({"objectSelector": {"matchLabels": {"kind": "map"}}}),
            1,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}),
            1,
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}),
            0,
        ),
        (
            json!({"matchConditions": [{"name": "a", "expression": "object.data.key == 'value'"}]}),
            1,
        ),
        (
            json!({"matchConditions": [{"name": "a", "expression": "request.operation == 'UPDATE'"}]}),
            0,
        ),
        (
            json!({"rules": [{"operations": ["UPDATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]}),
            0,
        ),
        (
            json!({"rules": [{"operations": ["CREATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "scope": "Cluster"}]}),
            0,
        ),
    ];
    for (rest, expected) in cases {
        install(
            &api,
            "Validating",
            vec![server.hook("some", "allow", rest.clone())],
        )
        .await;
        server.asked();
        let mut map = config_map("a");
        map["metadata"]["labels"] = json!({"kind": "map"});
        api.post(&format!("{MAPS}?dryRun=All"), map)
            .await
            .expect(201);
        assert_eq!(server.asked().len(), expected, "{rest}");
    }
    let unknown = json!({"matchConditions": [{"name": "a", "expression": "object.spec.x == 1"}]});
    install(
        &api,
        "Validating",
        vec![server.hook("some", "allow", unknown)],
    )
    .await;
    let refused = api.post(MAPS, config_map("a")).await;
    assert_eq!(refused.code, 403);
    assert!(
        refused.message().contains("no such key: spec"),
        "{}",
        refused.message()
    );
    let noisy = json!({"sideEffects": "Some"});
    install(
        &api,
        "Validating",
        vec![server.hook("some", "allow", noisy)],
    )
    .await;
    let refused = api
        .post(&format!("{MAPS}?dryRun=All"), config_map("a"))
        .await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "admission webhook \"some.example.com\" does not support dry run"
        )
    );
    let parts = json!({"rules": [{"operations": ["UPDATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments/status"]}]});
    install(&api, "Validating", vec![server.hook("some", "deny", parts)]).await;
    api.post(DEPLOYMENTS, deployment("web")).await.expect(201);
    let status = json!({"status": {"replicas": 1}});
    assert_eq!(
        api.patch(&format!("{DEPLOYMENTS}/web/status"), "merge", status)
            .await
            .code,
        418
    );
}

/// The processes of every pod: a connection to port 8443 of the pod `guard` is one to the one server.
struct Processes(u16);

#[async_trait]
impl PodStreams for Processes {
    async fn check(&self, _: &PodPlace) -> Result<(), StreamError> {
        Ok(())
    }

    async fn exec(&self, _: &ContainerPlace, _: Vec<String>, _: Wires) -> Result<i32, StreamError> {
        unreachable!("a webhook is a port")
    }

    async fn attach(&self, _: &ContainerPlace, _: Wires) -> Result<(), StreamError> {
        unreachable!("a webhook is a port")
    }

    async fn connect(&self, pod: &PodPlace, port: u16) -> Result<Box<dyn Duplex>, StreamError> {
        assert_eq!((pod.pod.as_str(), port), ("guard", 8443));
        let stream = TcpStream::connect(("127.0.0.1", self.0)).await;
        Ok(Box::new(stream.unwrap()))
    }
}

/// A Service whose port 443 leads to port 8443 of a pod of the same name, if there is one.
async fn service(api: &Api, name: &str, with_pod: bool) {
    let core = "/api/v1/namespaces/default";
    let ports = json!([{"name": "https", "port": 443, "targetPort": 8443}]);
    let object =
        json!({"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": ports}});
    api.post(&format!("{core}/services"), object)
        .await
        .expect(201);
    let endpoints = if with_pod {
        api.post(&format!("{core}/pods"), support::pod(name))
            .await
            .expect(201);
        json!([{"addresses": ["10.244.0.7"], "targetRef": {"kind": "Pod", "namespace": "default", "name": name}}])
    } else {
        json!([])
    };
    let slice = json!({"metadata": {"name": format!("{name}-1"), "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "ports": [{"name": "https", "port": 8443}], "endpoints": endpoints});
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    api.post(slices, slice).await.expect(201);
}

#[tokio::test]
async fn a_webhook_behind_a_service_is_reached_through_its_pod() {
    let (api, server) = (Api::start().await, Server::start().await);
    let processes = Arc::new(Processes(server.port));
    api.server.state().stream_with(processes);
    service(&api, "guard", true).await;
    service(&api, "nobody", false).await;
    let behind = |service: &str| {
        json!({"clientConfig": {"caBundle": server.bundle,
            "service": {"namespace": "default", "name": service, "path": "/warn"}}})
    };
    install(
        &api,
        "Validating",
        vec![server.hook("some", "", behind("guard"))],
    )
    .await;
    let warned = api.post(MAPS, config_map("a")).await;
    assert!(warned.headers.contains_key("warning"));
    warned.expect(201);
    install(
        &api,
        "Validating",
        vec![server.hook("some", "", behind("nobody"))],
    )
    .await;
    let refused = api.post(MAPS, config_map("b")).await;
    expect![[r#"Internal error occurred: failed calling webhook "some.example.com": failed to call webhook: Post "https://nobody.default.svc:443/warn?timeout=10s": no endpoints available for service "nobody""#]].assert_eq(refused.message());
}
