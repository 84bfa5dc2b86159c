//! What one durable create after the other costs, layer by layer, beside what the disk allows.
//!
//! ```text
//! cargo bench -p seatrial-apiserver --bench creates
//! ```

#![allow(clippy::print_stdout)] // What it is for.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::{Extension, Router};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use seatrial_apiserver::{BearerTokens, Identity, Server, State, serve, tls};
use seatrial_clock::{Random, SystemClock};
use seatrial_store::{Change, Draft, Expect, Key, Metadata, Store, Write};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COUNT: usize = 2_000;
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::main]
async fn main() -> Result<(), Failed> {
    // `cargo test` starts benches too, to see that they start.
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    syncs(folder.path())?;
    commits("memory", &Store::memory()).await?;
    commits("disk", &Store::open(&folder.path().join("commits"))?).await?;
    requests("memory", Store::memory()).await?;
    requests("disk", Store::open(&folder.path().join("requests"))?).await?;
    syncs(folder.path())
}

#[expect(clippy::disallowed_methods, reason = "it measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

fn say(what: &str, begun: Instant) {
    let each = begun.elapsed() / COUNT as u32;
    println!("{what}: {each:?} each, {:.0}/s", 1.0 / each.as_secs_f64());
}

fn syncs(folder: &Path) -> Result<(), Failed> {
    let file = File::create(folder.join("raw"))?;
    file.write_all_at(&vec![b'0'; 4096 * COUNT], 0)?;
    file.sync_all()?;
    let begun = now();
    for page in 0..COUNT {
        file.write_all_at(&[b'1'; 4096], (page * 4096) as u64)?;
        file.sync_data()?;
    }
    say("fdatasync of one page", begun);
    Ok(())
}

/// The store alone.
async fn commits(name: &str, store: &Store) -> Result<(), Failed> {
    let begun = now();
    for number in 0..COUNT {
        let write = Write {
            key: Key::new("configmaps", "default", &format!("c-{number}")),
            expect: Expect::Absent,
            change: Change::Put {
                draft: Draft::new(vec![b'x'; 1500], 600),
                metadata: Metadata::default(),
            },
        };
        store.commit(vec![write]).await?;
    }
    say(&format!("{name}: a commit"), begun);
    Ok(())
}

/// The server without a socket, and with one.
async fn requests(name: &str, store: Store) -> Result<(), Failed> {
    let state = State::new(store, Arc::new(SystemClock), Random::from_entropy());
    let server = Server::start(state).await?;
    let router = server.router().layer(Extension(Identity::admin()));
    let begun = now();
    for number in 0..COUNT {
        create(&router, number).await?;
    }
    say(&format!("{name}: a create without a socket"), begun);
    // As a server has it: the task that waits is not the one that the program began with.
    let begun = now();
    let spawned = async move {
        for number in COUNT..2 * COUNT {
            create(&router, number).await?;
        }
        Ok::<_, Failed>(())
    };
    tokio::spawn(spawned).await??;
    say(&format!("{name}: the same in a task"), begun);
    over_tls(name, server).await
}

async fn create(router: &Router, number: usize) -> Result<(), Failed> {
    let response = router.clone().oneshot(request(number, Body::from)?).await?;
    let status = response.status();
    let said = response.into_body().collect().await?.to_bytes();
    if status != 201 {
        return Err(String::from_utf8_lossy(&said).into_owned().into());
    }
    Ok(())
}

fn request<B>(number: usize, body: impl Fn(String) -> B) -> Result<Request<B>, http::Error> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": format!("c-{number}") },
        "data": { "filler": "x".repeat(900) },
    });
    Request::builder()
        .method("POST")
        .uri(MAPS)
        .header("host", "localhost")
        .header("authorization", "Bearer token")
        .header("content-type", "application/json")
        .body(body(object.to_string()))
}

async fn over_tls(name: &str, server: Server) -> Result<(), Failed> {
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
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        authority.certificate.as_ref(),
    )?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let begun = now();
    for number in 2 * COUNT..3 * COUNT {
        sender.ready().await?;
        let request = request(number, |text| Full::new(Bytes::from(text)))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let said = response.into_body().collect().await?.to_bytes();
        if status != 201 {
            return Err(String::from_utf8_lossy(&said).into_owned().into());
        }
    }
    say(&format!("{name}: a create over TLS"), begun);
    stop.cancel();
    serving.await?;
    Ok(())
}
