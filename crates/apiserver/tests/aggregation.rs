//! Groups that another server serves, by APIService objects.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)] // Tests.

mod support;

use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use seatrial_apiserver::tls;
use serde_json::{Value, json};
use support::Api;
use tokio::net::TcpListener;

const SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";

/// What the other server says: its resources, and who it is asked by.
fn other() -> Router {
    let list = json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.example/v1beta1", "resources": [
        { "name": "pods", "singularName": "pod", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"] },
        { "name": "pods/raw", "singularName": "", "namespaced": true, "kind": "Raw", "verbs": ["get"] },
    ] });
    let asked = async |headers: HeaderMap, uri: http::Uri| {
        let all = |name: &str| {
            headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        Json(
            json!({ "path": uri.to_string(), "user": all("x-remote-user"), "groups": all("x-remote-group"),
            "authorization": all("authorization") }),
        )
    };
    Router::new()
        .route(
            "/apis/metrics.example/v1beta1",
            get(async move || Json(list)),
        )
        .route("/apis/metrics.example/v1beta1/{*path}", get(asked))
}

async fn serve_other() -> u16 {
    let authority = tls::authority().unwrap();
    let settings = tls::configuration(&tls::issue(&authority, &[]).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(settings);
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = TowerToHyperService::new(other());
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    port
}

fn api_service(name: &str) -> Value {
    json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": name }, "spec": {
        "group": "metrics.example", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": true, "service": { "namespace": "default", "name": "metrics" },
    } })
}

async fn with_service(port: u16) -> Api {
    let api = Api::start().await;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "metrics" },
        "spec": { "ports": [{ "port": 443, "targetPort": port }] } });
    api.post("/api/v1/namespaces/default/services", service)
        .await
        .expect(201);
    let slice = json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": "metrics-1", "labels": { "kubernetes.io/service-name": "metrics" } },
        "ports": [{ "port": port }], "endpoints": [{ "addresses": ["127.0.0.1"], "conditions": { "ready": true } }] });
    api.post(
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
        slice,
    )
    .await
    .expect(201);
    api.post(SERVICES, api_service("v1beta1.metrics.example"))
        .await
        .expect(201);
    api
}

#[tokio::test]
async fn requests_are_handed_on_with_the_user() {
    let api = with_service(serve_other().await).await;
    let request = http::Request::builder()
        .uri("/apis/metrics.example/v1beta1/namespaces/default/pods?limit=5")
        .header("authorization", "Bearer secret")
        .header("x-remote-user", "root");
    let reply = api
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .expect(200);
    assert_eq!(
        reply["path"],
        "/apis/metrics.example/v1beta1/namespaces/default/pods?limit=5"
    );
    assert_eq!(reply["user"].as_array().unwrap().len(), 1);
    assert_ne!(reply["user"][0], "root");
    assert_eq!(reply["authorization"], json!([]));
}

#[tokio::test]
async fn discovery_lists_what_the_other_server_has() {
    let api = with_service(serve_other().await).await;
    let groups = api.get("/apis").await.expect(200);
    let names: Vec<&str> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|group| group["name"].as_str())
        .collect();
    assert!(names.contains(&"metrics.example"), "{names:?}");
    let form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let all = api.get_as("/apis", form).await.expect(200);
    let group = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["metadata"]["name"] == "metrics.example")
        .unwrap();
    assert_eq!(group["versions"][0]["freshness"], "Current");
    assert_eq!(
        group["versions"][0]["resources"][0]["subresources"][0]["subresource"],
        "raw"
    );
    let one = api.get("/apis/metrics.example").await.expect(200);
    assert_eq!(one["preferredVersion"]["version"], "v1beta1");
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_a_wrong_object_is_refused() {
    // Nobody listens on the port: its listener is gone.
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let api = with_service(port).await;
    let reply = api.get("/apis/metrics.example/v1beta1/nodes").await;
    assert_eq!(reply.code, 503);
    assert!(
        reply
            .message()
            .starts_with("error trying to reach service: "),
        "{}",
        reply.message()
    );
    let refused = api.post(SERVICES, api_service("v1.metrics.example")).await;
    assert_eq!(refused.code, 422);
    assert!(
        refused
            .message()
            .contains("must be `spec.version+\".\"+spec.group`"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn a_service_is_reached_through_its_proxy() {
    let api = with_service(serve_other().await).await;
    let services = "/api/v1/namespaces/default/services";
    let base = format!("{services}/https:metrics:443/proxy");
    let led = api.get(&base).await;
    assert_eq!(
        (led.code, led.headers["location"].to_str().unwrap()),
        (301, &*format!("{base}/"))
    );
    let request = http::Request::get(format!("{base}/apis/metrics.example/v1beta1/x?y=1"))
        .header("authorization", "Bearer secret");
    let reply = api
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .expect(200);
    assert_eq!(reply["path"], "/apis/metrics.example/v1beta1/x?y=1");
    assert_eq!(reply["authorization"], json!([]));
    api.get(&format!("{services}/none/proxy/"))
        .await
        .expect(404);
    api.get(&format!("{services}/https:metrics:9/proxy/"))
        .await
        .expect(503);
    let elsewhere = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "out" },
        "spec": { "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": 443 }] } });
    api.post(services, elsewhere).await.expect(201);
    let refused = api.get(&format!("{services}/https:out:443/proxy/")).await;
    assert_eq!(
        refused.message(),
        "no endpoints available for service \"out\""
    );
}
