//! What 10,000 watches cost that have nothing to read, and how soon all of them are told of one change.
//!
//! ```text
//! cargo bench -p seatrial-apiserver --bench watches
//! ```

#![allow(clippy::print_stdout)] // What it is for.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use http_body_util::BodyExt as _;
use seatrial_apiserver::{Identity, Server, State};
use seatrial_clock::{Random, SystemClock};
use seatrial_store::Store;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WATCHES: usize = 10_000;
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "it measures the machine's time")]
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
    let before = resident()?;
    let revision = server.state().store.revision();
    let mut watches = JoinSet::new();
    for _ in 0..WATCHES {
        let uri = format!("{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion={revision}");
        watches.spawn(first(router.clone(), uri));
    }
    // Each has begun to wait, as far as this process knows.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let each = resident()?.saturating_sub(before) / WATCHES;
    println!("{WATCHES} idle watches: {each} bytes each");
    let start = Instant::now();
    let request = Request::builder().method("POST").uri(MAPS);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(r#"{"metadata":{"name":"news"}}"#))?;
    router.oneshot(request).await?;
    while let Some(ended) = watches.join_next().await {
        ended??;
    }
    println!(
        "{WATCHES} watches told of one change in {:?}",
        start.elapsed()
    );
    Ok(())
}

/// Begins a watch and waits for its first event.
async fn first(router: Router, uri: String) -> Result<(), Failed> {
    let request = Request::builder().uri(uri).body(Body::empty())?;
    let mut body = router.oneshot(request).await?.into_body();
    let frame = body.frame().await.ok_or("the watch ended")??;
    let data = frame.into_data().map_err(|_| "no data")?;
    if data.starts_with(br#"{"type":"ADDED""#) {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&data).into_owned().into())
}

/// Memory of this process, in bytes.
fn resident() -> Result<usize, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.ok_or("no VmRSS")?.parse::<usize>()? << 10)
}
