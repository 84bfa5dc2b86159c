//! Serves an empty cluster on a memory store over TLS and writes a kubeconfig for it: for trying
//! clients by hand.
//!
//! ```text
//! cargo run -p seatrial-apiserver --example serve -- /tmp/kubeconfig
//! ```

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seatrial_apiserver::{BearerTokens, Identity, Server, State, serve, tls};
use seatrial_clock::{Random, SystemClock};
use seatrial_store::Store;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "kubeconfig".to_owned());
    let state = State::new(
        Store::memory(),
        Arc::new(SystemClock),
        Random::from_entropy(),
    );
    let server = Server::start(state).await?;
    server.define(seatrial_resources::definitions()).await?;
    let authority = tls::authority()?;
    let configuration = tls::configuration(&tls::issue(&authority, &[])?)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": {
            "server": format!("https://{}", listener.local_addr()?),
            "certificate-authority-data": STANDARD.encode(&authority.certificate),
        }}],
        "users": [{ "name": "u", "user": { "token": "example-token" } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "c",
    });
    std::fs::write(&path, serde_json::to_string_pretty(&kubeconfig)?)?;
    let tokens = BearerTokens::new([("example-token".to_owned(), Identity::admin())]);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    serve(&server, listener, configuration, tokens, shutdown).await;
    Ok(())
}
