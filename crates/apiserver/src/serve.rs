//! Serving over TLS: the door at which clients from outside say who they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::server::Server;
use crate::state::State;
use crate::token;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long requests that are under way may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How often a quiet connection is asked whether its other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Requests at a time on one connection; a client with many informers has a watch for each.
const STREAMS: u32 = 1000;

/// Paths that need no identity, as upstream's `system:public-info-viewer`.
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// Who has which bearer token. Beside these, tokens of service accounts are accepted.
#[derive(Clone, Default)]
pub struct BearerTokens(BTreeMap<String, Identity>);

impl BearerTokens {
    /// A table of tokens.
    pub fn new(tokens: impl IntoIterator<Item = (String, Identity)>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// Compares with every token, so that the time taken does not tell how much of one was right.
    fn identity(&self, given: &str) -> Option<&Identity> {
        self.0.iter().fold(None, |found, (token, identity)| {
            if token::same(token.as_bytes(), given.as_bytes()) {
                Some(identity)
            } else {
                found
            }
        })
    }
}

impl std::fmt::Debug for BearerTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("BearerTokens")
            .field(&self.0.len())
            .finish()
    }
}

struct Door {
    tokens: BearerTokens,
    state: Arc<State>,
}

async fn authenticate(
    Shared(door): Shared<Arc<Door>>,
    mut request: Request,
    next: Next,
) -> Response {
    if PUBLIC.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let header = request.headers().get(header::AUTHORIZATION);
    let token = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let identity = token.and_then(|token| {
        let known = door.tokens.identity(token).cloned();
        known.or_else(|| {
            let claims = door.state.tokens.check(token, door.state.now())?;
            Some(token::identity(&claims))
        })
    });
    let Some(identity) = identity else {
        return Failure::new(Reason::Unauthorized, "Unauthorized").into_response();
    };
    request.extensions_mut().insert(identity);
    next.run(request).await
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
    let door = Arc::new(Door {
        tokens,
        state: Arc::clone(server.state()),
    });
    let router = server
        .router()
        .layer(middleware::from_fn_with_state(door, authenticate));
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: waiting lets some be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(converse(
            acceptor.clone(),
            stream,
            service,
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
async fn converse(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    watcher: Watcher,
) {
    let Some(stream) = shake_hands(&acceptor, stream).await else {
        return;
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
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
