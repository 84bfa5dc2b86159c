//! Requests to a router that listens nowhere.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic
)] // Each test file uses a part.

pub mod door;

use std::sync::Arc;

use axum::body::Body;
use axum::{Extension, Router};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Clock, Random};
use seatrial_store::Store;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

/// Memory of this process, in bytes.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

/// A clock that stands still at 2026-01-01T00:00:00Z.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::constant(1_767_225_600, 0)
    }
}

pub struct Reply {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.body);
        self.body
    }
}

/// A server and the way to ask it.
pub struct Api {
    pub server: Server,
    router: Router,
}

impl Api {
    pub async fn start() -> Self {
        Self::over(Store::memory()).await
    }

    pub async fn over(store: Store) -> Self {
        let state = State::new(store, Arc::new(Still), Random::seeded(7));
        let server = Server::start(state).await.unwrap();
        let router = server.router().layer(Extension(Identity::admin()));
        Self { server, router }
    }

    /// Sends bytes as they are over a connection of its own, and returns what comes back until the server is done.
    pub async fn dialogue(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        let service = hyper_util::service::TowerToHyperService::new(self.router.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(far), service)
            .with_upgrades();
        tokio::spawn(connection);
        near.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        answer
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Reply {
            code: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub async fn raw(&self, method: &str, path: &str, media: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, "", Body::empty()).await
    }

    pub async fn get_as(&self, path: &str, accept: &str) -> Reply {
        let request = Request::builder().uri(path).header("accept", accept);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw("POST", path, "application/json", body.to_string())
            .await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.raw("PUT", path, "application/json", body.to_string())
            .await
    }

    pub async fn patch(&self, path: &str, kind: &str, body: Value) -> Reply {
        let media = match kind {
            "apply" => "application/apply-patch+yaml".to_owned(),
            "json" => "application/json-patch+json".to_owned(),
            kind => format!("application/{kind}-patch+json"),
        };
        self.raw("PATCH", path, &media, body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.raw("DELETE", path, "", Body::empty()).await
    }

    pub async fn delete_with(&self, path: &str, options: Value) -> Reply {
        self.raw("DELETE", path, "application/json", options.to_string())
            .await
    }

    /// The lines of a watch that ends by itself, its time-out being what the clock of tokio says.
    pub async fn watch(&self, path: &str) -> Vec<Value> {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let lines = bytes
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

/// `ADDED a`, `BOOKMARK`, and so on.
pub fn summary(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let name = event["object"]["metadata"]["name"]
                .as_str()
                .unwrap_or_default();
            format!("{} {name}", event["type"].as_str().unwrap())
                .trim_end()
                .to_owned()
        })
        .collect()
}

pub fn config_map(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name },
        "data": { "key": "value" },
    })
}

pub fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": { "containers": [{ "name": "main", "image": "seatrial/host" }] },
    })
}

pub fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "seatrial/host" }] },
            },
        },
    })
}

pub const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
