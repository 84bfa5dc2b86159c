//! Serving over TLS: the door at which clients from outside say who they are.

mod patience;
mod peer;

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
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::server::Server;
use crate::state::State;
use crate::tls::Door;
use crate::token::{self, BearerTokens};
use patience::Patient;
pub(crate) use peer::Anybody;
use peer::Peer;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long requests that are under way may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How often a quiet connection is asked whether its other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Requests at a time on one connection; a client with many informers has a watch for each.
const STREAMS: u32 = 1000;

async fn authenticate(
    Shared(state): Shared<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions_mut().remove::<Peer>();
    let shown = peer.unwrap_or(Peer::Unnamed).identity(state.now());
    // As upstream: the certificate counts first; where it is no good, a token may still be.
    let identity = match (shown, bearer(&state, &request)) {
        (Ok(Some(identity)), _) | (_, Ok(Some(identity))) => identity,
        (Ok(None), Ok(None)) => Identity::anonymous(),
        (Err(why), _) | (_, Err(why)) => {
            tracing::debug!(why, "a certificate or token was refused");
            return Failure::new(Reason::Unauthorized, "Unauthorized").into_response();
        }
    };
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// Who the request's bearer token is; `None` where it has none.
fn bearer(state: &State, request: &Request) -> Result<Option<Identity>, String> {
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = header.to_str().map_err(|error| error.to_string())?;
    // Other schemes are nobody's business here, nor is what comes after a token, as upstream.
    let mut words = text.trim().split(' ');
    match (words.next(), words.next()) {
        (Some(scheme), Some(token))
            if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() =>
        {
            token::authenticate(state, token, &[]).map(|(identity, _)| Some(identity))
        }
        _ => Ok(None),
    }
}

/// Serves `server` on `listener` until `shutdown`, then lets requests that are under way finish for a
/// few seconds. Watches end at once.
pub async fn serve(
    server: &Server,
    listener: TcpListener,
    door: impl Into<Door>,
    tokens: BearerTokens,
    shutdown: CancellationToken,
) {
    let state = Arc::clone(server.state());
    state.authentication.accept(tokens);
    let authenticate = middleware::from_fn_with_state(Arc::clone(&state), authenticate);
    let router = server.router().layer(authenticate);
    let door = door.into();
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
        let visit = Visit {
            door: door.clone(),
            state: Arc::clone(&state),
            router,
        };
        tokio::spawn(converse(visit, stream, graceful.watcher()));
    }
    server.stop();
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::info!("closing connections that did not finish in time");
    }
}

/// What a connection needs to know of the server.
struct Visit {
    door: Door,
    state: Arc<State>,
    router: Router,
}

/// One connection, from the handshake to its end.
async fn converse(visit: Visit, stream: TcpStream, watcher: Watcher) {
    let acceptor = TlsAcceptor::from(visit.door.server);
    let Some(stream) = shake_hands(&acceptor, stream).await else {
        return;
    };
    let shown = stream.get_ref().1.peer_certificates();
    let peer = Peer::of(shown, visit.door.clients.as_deref(), visit.state.now());
    drop(visit.state);
    let service = TowerToHyperService::new(visit.router.layer(Extension(peer)));
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
