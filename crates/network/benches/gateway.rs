//! Requests per second through the gateway over real loopback sockets, client and pods included.
//!
//! `cargo bench -p seatrial-network`. Everything (clients, gateway, two pods) shares the machine's cores.

#![allow(clippy::unwrap_used, missing_docs)]
#![allow(clippy::disallowed_methods)] // A benchmark measures real time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seatrial_network::{
    BoxedStream, Connector, Gateway, Member, PodAddress, RequestLog, Snapshot, Table, route,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Every pod is the one server at this address.
struct OneServer(SocketAddr);

#[async_trait]
impl Connector for OneServer {
    async fn connect(&self, _: &PodAddress, _: u16) -> std::io::Result<BoxedStream> {
        let stream = TcpStream::connect(self.0).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

async fn serve_pods() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|_| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

/// A Service of two versions, split by a VirtualService.
fn table() -> Table {
    let service = |name: &str| {
        object(json!({
            "metadata": {"namespace": "production", "name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
        }))
    };
    let pod = |name: &str, app: &str| {
        let pod = object(json!({
            "metadata": {"namespace": "production", "name": name, "uid": name, "labels": {"app": app}},
            "status": {"podIP": "127.0.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }));
        Arc::new(Member::of(&pod))
    };
    let virtual_service = object(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"namespace": "production", "name": "shop"},
        "spec": {"hosts": ["shop"], "http": [{"route": [
            {"destination": {"host": "shop"}, "weight": 90},
            {"destination": {"host": "shop-canary"}, "weight": 10}]}]},
    }));
    Table::build(&Snapshot {
        services: vec![service("shop"), service("shop-canary")],
        pods: vec![pod("a", "shop"), pod("b", "shop"), pod("c", "shop-canary")],
        virtual_services: vec![virtual_service],
        ..Snapshot::default()
    })
}

async fn start() -> SocketAddr {
    let pods = serve_pods().await;
    let gateway = Gateway::new(Arc::new(OneServer(pods)), RequestLog::new());
    gateway.publish(table());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, CancellationToken::new()).await });
    address
}

/// Sends `requests` over `clients` kept connections and measures the time until all are answered.
async fn load(gateway: SocketAddr, clients: u64, requests: u64) -> Duration {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            tokio::spawn(async move {
                let stream = TcpStream::connect(gateway).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                for _ in 0..requests / clients {
                    let request = Request::get("/").header("host", "shop.production");
                    let request = request.body(Empty::<Bytes>::new()).unwrap();
                    sender.ready().await.unwrap();
                    let response = sender.send_request(request).await.unwrap();
                    assert!(response.status().is_success());
                    response.into_body().collect().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    started.elapsed()
}

fn throughput(criterion: &mut Criterion) {
    const BATCH: u64 = 2048;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(start());
    let mut group = criterion.benchmark_group("gateway");
    group
        .throughput(Throughput::Elements(BATCH))
        .sample_size(10);
    for clients in [1, 32] {
        group.bench_function(format!("{clients} clients"), |bencher| {
            bencher.to_async(&runtime).iter_custom(|rounds| async move {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    total += load(gateway, clients, BATCH).await;
                }
                total
            });
        });
    }
    group.finish();
}

fn decision(criterion: &mut Criterion) {
    let (table, headers) = (table(), HeaderMap::new());
    criterion.bench_function("route", |bencher| {
        bencher.iter(|| {
            route(
                &table,
                "shop.production.localhost",
                "/cart",
                &Method::GET,
                &headers,
            )
        });
    });
}

criterion_group!(benches, throughput, decision);
criterion_main!(benches);
