//! How fast lists of many pods are as tables, as metadata and as they are: on the server, and over TLS.
//!
//! ```text
//! cargo bench -p seatrial-apiserver --bench tables
//! ```

#![allow(clippy::print_stdout)] // What it is for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use seatrial_apiserver::{BearerTokens, Identity, Server, State, serve, tls};
use seatrial_clock::{Random, SystemClock};
use seatrial_store::Store;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PODS: usize = 10_000;
const LIST: &str = "/api/v1/pods";

const FORMS: [(&str, &str, &str); 4] = [
    ("list", "application/json", ""),
    ("table", "application/json;as=Table;v=v1;g=meta.k8s.io", ""),
    (
        "table, compressed",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "gzip",
    ),
    (
        "metadata",
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        "",
    ),
];

#[tokio::main]
async fn main() -> Result<(), Failed> {
    // `cargo test` starts benches too, to see that they start.
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(());
    }
    let state = State::new(
        Store::memory(),
        Arc::new(SystemClock),
        Random::from_entropy(),
    );
    let server = Server::start(state).await?;
    let router = server.router().layer(Extension(Identity::admin()));
    for number in 0..PODS {
        fill(&router, number).await?;
    }
    let authority = tls::authority()?;
    let configuration = tls::configuration(&tls::issue(&authority, &[])?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let tokens = BearerTokens::new([("token".to_owned(), Identity::admin())]);
    let stop = CancellationToken::new();
    let serving = {
        let stop = stop.clone();
        tokio::spawn(async move { serve(&server, listener, configuration, tokens, stop).await })
    };
    for (what, form, encoding) in FORMS {
        let (took, bytes) = inside(&router, form, encoding).await?;
        let (sent, _) = outside(address, &authority.certificate, form, encoding).await?;
        println!(
            "{what} of {PODS} pods ({bytes} bytes): on the server {took:?}; over TLS {sent:?}"
        );
    }
    stop.cancel();
    serving.await?;
    Ok(())
}

/// The fastest of seven.
async fn inside(router: &Router, form: &str, encoding: &str) -> Result<(Duration, usize), Failed> {
    let mut best = (Duration::MAX, 0);
    for _ in 0..7 {
        let begun = now();
        let response = router
            .clone()
            .oneshot(request(form, encoding, Body::empty())?);
        let mut body = response.await?.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.into_data().map_or(0, |data| data.len());
        }
        best = best.min((begun.elapsed(), bytes));
    }
    Ok(best)
}

async fn outside(
    address: std::net::SocketAddr,
    authority: impl AsRef<[u8]>,
    form: &str,
    encoding: &str,
) -> Result<(Duration, usize), Failed> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_ref())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut best = (Duration::MAX, 0);
    for _ in 0..7 {
        sender.ready().await?;
        let begun = now();
        let response = sender.send_request(request(form, encoding, Empty::<bytes::Bytes>::new())?);
        let bytes = response.await?.into_body().collect().await?.to_bytes();
        best = best.min((begun.elapsed(), bytes.len()));
    }
    Ok(best)
}

#[expect(clippy::disallowed_methods, reason = "it measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

fn request<B>(form: &str, encoding: &str, body: B) -> Result<Request<B>, http::Error> {
    Request::builder()
        .uri(LIST)
        .header("host", "localhost")
        .header("authorization", "Bearer token")
        .header("accept", form)
        .header("accept-encoding", encoding)
        .body(body)
}

/// Makes a pod as a node leaves it: with the marks of those who wrote it, and a status.
async fn fill(router: &Router, number: usize) -> Result<(), Failed> {
    let name = format!("web-5d8f7c9b6-{number:05}");
    let moment = "2026-01-01T00:00:00Z";
    let condition = |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": moment, "lastProbeTime": null });
    let kinds = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": "web", "pod-template-hash": "5d8f7c9b6" } },
        "spec": {
            "nodeName": "node-1",
            "containers": [{
                "name": "main",
                "image": "web:1",
                "ports": [{ "containerPort": 8080 }],
                "env": [{ "name": "MODE", "value": "production" }],
                "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
                "readinessProbe": { "httpGet": { "path": "/ready", "port": 8080 } },
            }],
        },
    });
    let status = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "status": {
            "phase": "Running",
            "podIP": "10.244.1.7",
            "podIPs": [{ "ip": "10.244.1.7" }],
            "hostIP": "10.0.0.1",
            "startTime": moment,
            "conditions": kinds.map(condition),
            "containerStatuses": [{
                "name": "main",
                "image": "web:1",
                "imageID": format!("web@sha256:{:064}", 7),
                "containerID": format!("seatrial://{:064}", number),
                "ready": true,
                "started": true,
                "restartCount": 0,
                "state": { "running": { "startedAt": moment } },
                "lastState": {},
            }],
        },
    });
    let pods = "/api/v1/namespaces/default/pods";
    let made = Request::builder()
        .method("POST")
        .uri(format!("{pods}?fieldManager=controller"))
        .header("content-type", "application/json")
        .body(Body::from(pod.to_string()))?;
    let told = Request::builder()
        .method("PATCH")
        .uri(format!("{pods}/{name}/status?fieldManager=node&force=true"))
        .header("content-type", "application/apply-patch+yaml")
        .body(Body::from(status.to_string()))?;
    for request in [made, told] {
        let response = router.clone().oneshot(request).await?;
        if !response.status().is_success() {
            let bytes = response.into_body().collect().await?.to_bytes();
            return Err(String::from_utf8_lossy(&bytes).into_owned().into());
        }
    }
    Ok(())
}
