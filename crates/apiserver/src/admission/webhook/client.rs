//! HTTPS to one webhook.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::outbound::{self, ServicePort, Trust, dial, service, trust};
use crate::state::State;
use crate::stream::Duplex;

/// The largest reply that is read (upstream's limit for objects).
const REPLY_LIMIT: usize = 3 << 20;

/// Where a webhook is.
#[derive(Debug, Clone)]
pub(in crate::admission) enum Address {
    /// At a URL.
    Url(String),
    /// Behind a service of the cluster.
    Service {
        /// The service.
        to: ServicePort,
        /// The path there.
        path: String,
    },
}

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The address or the certificates make no sense.
    #[error("{0}")]
    Configuration(String),
    /// No connection, or it broke.
    #[error("Post {url:?}: {detail}")]
    Post {
        /// Where to.
        url: String,
        /// Why, with the causes.
        detail: String,
    },
    /// It answered with an error.
    #[error(
        "an error on the server ({body:?}) has prevented the request from succeeding (code {code})"
    )]
    Code {
        /// The code.
        code: u16,
        /// The beginning of what it said.
        body: String,
    },
}

/// A client of one webhook; keeps connections open.
pub(super) struct Client {
    address: Address,
    bundle: String,
    ready: OnceLock<Result<Ready, String>>,
}

struct Ready {
    url: String,
    pool: Pool<Dial, Full<Bytes>>,
}

impl Client {
    /// A client that trusts the certificates of `bundle` (PEM in base64), or those of the machine.
    pub(super) fn new(address: Address, bundle: &str) -> Self {
        Self {
            address,
            bundle: bundle.to_owned(),
            ready: OnceLock::new(),
        }
    }

    /// Sends a review and returns the reply.
    pub(super) async fn post(
        &self,
        state: &Arc<State>,
        review: &Value,
        timeout: Duration,
    ) -> Result<Bytes, Error> {
        let ready = self.ready.get_or_init(|| self.make_ready(state));
        let ready = ready
            .as_ref()
            .map_err(|error| Error::Configuration(error.clone()))?;
        let mark = if ready.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}timeout={}s", ready.url, timeout.as_secs());
        let failed = |detail: String| Error::Post {
            url: url.clone(),
            detail,
        };
        let request = Request::post(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Full::from(review.to_string()))
            .map_err(|error| Error::Configuration(error.to_string()))?;
        let exchange = async {
            let response = ready
                .pool
                .request(request)
                .await
                .map_err(|error| chain(&error))?;
            let code = response.status().as_u16();
            let body = Limited::new(response.into_body(), REPLY_LIMIT)
                .collect()
                .await;
            Ok((code, body.map_err(|error| chain(&*error))?.to_bytes()))
        };
        match tokio::time::timeout(timeout, exchange).await {
            Err(_) => Err(failed("context deadline exceeded".to_owned())),
            Ok(Err(error)) => Err(failed(error)),
            Ok(Ok((200..=299, body))) => Ok(body),
            Ok(Ok((code, body))) => Err(Error::Code {
                code,
                body: String::from_utf8_lossy(&body[..body.len().min(256)])
                    .trim()
                    .to_owned(),
            }),
        }
    }

    fn make_ready(&self, state: &Arc<State>) -> Result<Ready, String> {
        let (url, place) = match &self.address {
            Address::Url(url) => (url.clone(), Place::Net),
            Address::Service { to, path } => {
                let path = path.trim_start_matches('/');
                let url = format!(
                    "https://{}.{}.svc:{}/{path}",
                    to.name, to.namespace, to.port
                );
                (url, Place::Service(to.clone(), Arc::downgrade(state)))
            }
        };
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("the URL {url:?}: {error}"))?;
        if uri.scheme_str() != Some("https") {
            return Err(format!("the URL {url:?} must use https"));
        }
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let server = ServerName::try_from(host.clone())
            .map_err(|error| format!("the host {host:?}: {error}"))?;
        let believed = Trust::from_bundle(&self.bundle).map_err(|error| error.to_string())?;
        let dial = Dial(Arc::new(Line {
            place,
            host,
            port: uri.port_u16().unwrap_or(443),
            server,
            tls: TlsConnector::from(Arc::new(trust::config(&believed)?)),
        }));
        let pool = Pool::builder(TokioExecutor::new()).build(dial);
        Ok(Ready { url, pool })
    }
}

/// An error with its causes, the pool's own layer left out.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = in_upstreams_words(&error.to_string());
        let known =
            said.starts_with("client error") || parts.iter().any(|part| part.contains(&said));
        if !known || (parts.is_empty() && error.source().is_none()) {
            parts.push(said);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// What Go says in the place of what Rust's libraries say, for errors that people look up.
fn in_upstreams_words(text: &str) -> String {
    let untrusted =
        ["UnknownIssuer", "BadSignature"].map(|name| format!("invalid peer certificate: {name}"));
    if untrusted.iter().any(|known| text == known) {
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
            .to_owned();
    }
    text.replace(
        "Connection refused (os error 111)",
        "connect: connection refused",
    )
}

enum Place {
    Net,
    /// Found anew for each connection. The state holds the chain that holds this, so not the other way.
    Service(ServicePort, Weak<State>),
}

/// How to get a connection.
struct Line {
    place: Place,
    host: String,
    port: u16,
    server: ServerName<'static>,
    tls: TlsConnector,
}

impl Line {
    async fn open(&self) -> std::io::Result<Wire> {
        let failed = |error: outbound::Error| std::io::Error::other(error.to_string());
        let stream = match &self.place {
            Place::Net => dial(&self.host, self.port).await.map_err(failed)?,
            Place::Service(to, state) => {
                let stopped = || std::io::Error::other("the server has stopped");
                let state = state.upgrade().ok_or_else(stopped)?;
                let stream = service::connect(&state, &to.namespace, &to.name, to.port).await;
                stream.map_err(failed)?
            }
        };
        let stream = self.tls.connect(self.server.clone(), stream).await?;
        Ok(Wire(TokioIo::new(stream)))
    }
}

#[derive(Clone)]
struct Dial(Arc<Line>);

impl Service<Uri> for Dial {
    type Response = Wire;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Wire>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let line = Arc::clone(&self.0);
        Box::pin(async move { line.open().await })
    }
}

/// An open connection.
struct Wire(TokioIo<tokio_rustls::client::TlsStream<Box<dyn Duplex>>>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
