//! Serving over TLS: the door at which clients from outside say who they are.

mod patience;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::header;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::certificate;
use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::server::Server;
use crate::state::State;
use crate::token::{self, BearerTokens};
use patience::Patient;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long requests that are under way may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How often a quiet connection is asked whether its other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Requests at a time on one connection; a client with many informers has a watch for each.
const STREAMS: u32 = 1000;

/// Who a connection's client certificate says is speaking.
#[derive(Clone)]
struct Peer(Identity);

async fn authenticate(
    Shared(state): Shared<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = match request.extensions_mut().remove::<Peer>() {
        Some(Peer(identity)) => Some(identity),
        None => match bearer(&state, &request) {
            Ok(identity) => identity,
            Err(why) => {
                tracing::debug!(why, "a token was refused");
                return Failure::new(Reason::Unauthorized, "Unauthorized").into_response();
            }
        },
    };
    request
        .extensions_mut()
        .insert(identity.unwrap_or_else(Identity::anonymous));
    next.run(request).await
}

/// Who the request's bearer token is; `None` where it has none.
fn bearer(state: &State, request: &Request) -> Result<Option<Identity>, String> {
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = header.to_str().map_err(|error| error.to_string())?;
    let Some((scheme, token)) = text.trim().split_once(' ') else {
        return Ok(None);
    };
    // Other schemes are nobody's business here, as upstream.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    token::authenticate(state, token.trim(), &[]).map(|(identity, _)| Some(identity))
}

/// Serves `server` on `listener` until `shutdown`, then lets requests that are under way finish for a
/// few seconds. Watches end at once.
pub async fn serve(
    server: &Server,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    tokens: BearerTokens,
    shutdown: CancellationToken,
) {
    let state = Arc::clone(server.state());
    state.authentication.accept(tokens);
    let router = server
        .router()
        .layer(middleware::from_fn_with_state(state, authenticate));
    let acceptor = TlsAcceptor::from(tls);
    let watching =
        crate::aggregation::watch_availability(Arc::clone(server.state()), shutdown.clone());
    tokio::spawn(watching);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, address) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: waiting lets some be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let router = router.clone().layer(Extension(address));
        tokio::spawn(converse(
            acceptor.clone(),
            stream,
            router,
            graceful.watcher(),
        ));
    }
    server.stop();
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::info!("closing connections that did not finish in time");
    }
}

/// One connection, from the handshake to its end.
async fn converse(acceptor: TlsAcceptor, stream: TcpStream, mut router: Router, watcher: Watcher) {
    let Some(stream) = shake_hands(&acceptor, stream).await else {
        return;
    };
    let shown = stream.get_ref().1.peer_certificates();
    if let Some(identity) = shown.and_then(|chain| certificate::identity(chain.first()?)) {
        router = router.layer(Extension(Peer(identity)));
    }
    let service = TowerToHyperService::new(router);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS);
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(Patient::new(stream)), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    // Small replies must not wait for more to be sent.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot send small packets at once");
    }
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
