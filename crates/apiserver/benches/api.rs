//! How fast objects are made and listed, through the router and without a socket.
//!
//! ```text
//! cargo bench -p seatrial-apiserver --bench api
//! ```

#![allow(clippy::print_stdout)] // What it is for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Random, SystemClock};
use seatrial_store::Store;
use serde_json::json;
use tower::ServiceExt as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: usize = 64;
const PODS: usize = 20_000;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    // `cargo test` starts benches too, to see that they start.
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(());
    }
    measure("memory", Store::memory()).await?;
    let directory = tempfile::tempdir()?;
    measure("durable", Store::open(directory.path())?).await
}

#[expect(clippy::disallowed_methods, reason = "it measures the machine's time")]
async fn measure(name: &str, store: Store) -> Result<(), Failed> {
    let start = Instant::now();
    let state = State::new(store, Arc::new(SystemClock), Random::from_entropy());
    let server = Server::start(state).await?;
    println!("{name}: start to ready {:?}", start.elapsed());
    let router = server.router().layer(Extension(Identity::admin()));
    let start = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let router = router.clone();
        clients.spawn(async move {
            for number in (client..PODS).step_by(CLIENTS) {
                create(&router, number).await?;
            }
            Ok::<_, Failed>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let each = start.elapsed().as_secs_f64() / PODS as f64;
    println!("{name}: {:.0} creates/s at {CLIENTS} clients", 1.0 / each);
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let request = Request::builder()
            .uri("/api/v1/pods?limit=10000")
            .body(Body::empty())?;
        let response = router.clone().oneshot(request).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        best = best.min(start.elapsed());
        if bytes.len() < 5_000_000 {
            return Err(format!("the list is short: {} bytes", bytes.len()).into());
        }
    }
    println!("{name}: list of 10,000 pods in {best:?}");
    Ok(())
}

async fn create(router: &Router, number: usize) -> Result<(), Failed> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": format!("web-{number}"), "labels": { "app": "web" } },
        "spec": { "containers": [{
            "name": "main",
            "image": "seatrial/host",
            "ports": [{ "containerPort": 8080 }],
            "env": [{ "name": "MODE", "value": "production" }],
            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
            "readinessProbe": { "httpGet": { "path": "/ready", "port": 8080 } },
        }]},
    });
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/namespaces/default/pods")
        .header("content-type", "application/json")
        .body(Body::from(pod.to_string()))?;
    let response = router.clone().oneshot(request).await?;
    if response.status() != 201 {
        let bytes = response.into_body().collect().await?.to_bytes();
        return Err(String::from_utf8_lossy(&bytes).into_owned().into());
    }
    Ok(())
}
