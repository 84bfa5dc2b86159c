//! Requests that the server itself sends: to conversion webhooks, and to the servers behind APIServices.
//!
//! A Service is reached through one of its ready pods, by the port that carries `port-forward` too, so that it works where pods
//! have no address on this machine; endpoints that are no pods are reached by their address.

pub(crate) mod service;
pub(crate) mod trust;

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::state::State;
use crate::stream::Duplex;

/// A Service of the cluster, and one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePort {
    /// The Service's namespace.
    pub(crate) namespace: String,
    /// The Service's name.
    pub(crate) name: String,
    /// The number of the port in the Service.
    pub(crate) port: u16,
}

/// The largest reply that is read, in bytes.
const REPLY_LIMIT: usize = 16 << 20;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Whom to send to, as `clientConfig` of webhooks and the specification of an APIService say it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Where it is.
    pub(crate) place: Place,
    /// How it is known to be the right one.
    pub(crate) trust: Trust,
}

/// Where a peer is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// At an address.
    Url(String),
    /// Behind a Service of the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
        /// The path of the request; begins with a slash.
        path: String,
    },
}

/// Whose certificate a peer must have.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// One of these authorities', as PEM.
    Authority(Vec<u8>),
    /// One that the machine trusts.
    Machine,
    /// Anybody's (`insecureSkipTLSVerify`).
    Anyone,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address is none.
    #[error("{address:?} is no address: {problem}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The Service leads nowhere.
    #[error("{0}")]
    Service(String),
    /// Nobody answers.
    #[error("dial {peer}: {source}")]
    Connect {
        /// Whom.
        peer: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection is not to be trusted.
    #[error("tls: failed to verify {peer}: {problem}")]
    Trust {
        /// Whom.
        peer: String,
        /// Why.
        problem: String,
    },
    /// The exchange broke.
    #[error("{peer}: {problem}")]
    Exchange {
        /// With whom.
        peer: String,
        /// How.
        problem: String,
    },
    /// It took too long.
    #[error("context deadline exceeded")]
    Deadline,
}

impl Error {
    /// What is to be said beside the peer's address.
    pub(crate) fn beside_its_address(&self) -> String {
        match self {
            Self::Exchange { problem, .. } => problem.clone(),
            other => other.to_string(),
        }
    }
}

impl Peer {
    /// Reads a `clientConfig`: `url`, or `service`, and `caBundle`.
    ///
    /// # Errors
    /// Where it names neither, or the bundle is not base64.
    pub(crate) fn from_client_config(config: &Value) -> Result<Self, Error> {
        let text = |value: &Value, field: &str| {
            value
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let place = match (config.get("service"), text(config, "url")) {
            (Some(service), _) if service.is_object() => Place::Service {
                namespace: text(service, "namespace"),
                name: text(service, "name"),
                port: service
                    .get("port")
                    .and_then(Value::as_u64)
                    .and_then(|port| port.try_into().ok())
                    .unwrap_or(443),
                path: match text(service, "path").as_str() {
                    "" => "/".to_owned(),
                    path if path.starts_with('/') => path.to_owned(),
                    path => format!("/{path}"),
                },
            },
            (_, url) if !url.is_empty() => Place::Url(url),
            _ => {
                let problem = "exactly one of url or service is required".to_owned();
                return Err(Error::Address {
                    address: config.to_string(),
                    problem,
                });
            }
        };
        Ok(Self {
            place,
            trust: Trust::from_bundle(&text(config, "caBundle"))?,
        })
    }

    /// How messages name it.
    pub(crate) fn address(&self) -> String {
        match &self.place {
            Place::Url(url) => url.clone(),
            Place::Service {
                namespace,
                name,
                port,
                path,
            } => format!("https://{name}.{namespace}.svc:{port}{path}"),
        }
    }
}

impl Trust {
    /// From a `caBundle`; the machine's own trust where that is empty.
    ///
    /// # Errors
    /// Where it is not base64.
    pub(crate) fn from_bundle(bundle: &str) -> Result<Self, Error> {
        if bundle.is_empty() {
            return Ok(Self::Machine);
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(bundle);
        let problem = "caBundle is not base64".to_owned();
        decoded.map(Self::Authority).map_err(|_| Error::Address {
            address: "caBundle".to_owned(),
            problem,
        })
    }
}

/// Sends a request and returns the reply, its body still to be read. The path of the request is taken as it is; scheme and host come
/// from the peer.
///
/// # Errors
/// Where nobody answers, or not who should.
pub(crate) async fn send(
    state: &State,
    peer: &Peer,
    mut request: Request<Body>,
) -> Result<Response<Incoming>, Error> {
    let address = peer.address();
    let wrong = |problem: &str| Error::Address {
        address: address.clone(),
        problem: problem.to_owned(),
    };
    let uri: Uri = address.parse().map_err(|_| wrong("it cannot be read"))?;
    let host = uri
        .host()
        .ok_or_else(|| wrong("it names no host"))?
        .to_owned();
    let plain = uri.scheme_str() == Some("http");
    let connect = async {
        let stream = match &peer.place {
            Place::Service {
                namespace,
                name,
                port,
                ..
            } => service::connect(state, namespace, name, *port).await?,
            Place::Url(_) => {
                let port = uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
                dial(host.trim_matches(['[', ']']), port).await?
            }
        };
        if plain {
            Ok(stream)
        } else {
            trust::secure(stream, &host, &peer.trust).await
        }
    };
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect)
        .await
        .map_err(|_| Error::Deadline)??;
    let broken = |error: hyper::Error| Error::Exchange {
        peer: address.clone(),
        problem: error.to_string(),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    tokio::spawn(async move {
        // Whoever waits for the reply is told too.
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a peer ended");
        }
    });
    if let Some(authority) = uri
        .authority()
        .and_then(|authority| authority.as_str().parse().ok())
    {
        request.headers_mut().insert(header::HOST, authority);
    }
    sender.send_request(request).await.map_err(broken)
}

/// Opens a TCP connection.
pub(crate) async fn dial(host: &str, port: u16) -> Result<Box<dyn Duplex>, Error> {
    let connected = tokio::net::TcpStream::connect((host, port)).await;
    let stream = connected.map_err(|source| Error::Connect {
        peer: format!("tcp {host}:{port}"),
        source,
    })?;
    Ok(Box::new(stream))
}

/// Posts JSON and reads JSON.
///
/// # Errors
/// As [`send`]; also where the reply takes too long, is no success, or no JSON.
pub(crate) async fn post(
    state: &State,
    peer: &Peer,
    body: &Value,
    timeout: Duration,
) -> Result<Value, Error> {
    let address = peer.address();
    let wrong = |problem: String| Error::Exchange {
        peer: address.clone(),
        problem,
    };
    let uri: Uri = address
        .parse()
        .map_err(|_| wrong("the address cannot be read".to_owned()))?;
    let path = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mark = if path.contains('?') { '&' } else { '?' };
    let request = Request::post(format!("{path}{mark}timeout={}s", timeout.as_secs()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|error| wrong(error.to_string()))?;
    let exchange = async {
        let reply = send(state, peer, request).await?;
        let status = reply.status();
        let limited = http_body_util::Limited::new(reply.into_body(), REPLY_LIMIT);
        let bytes: Bytes = limited
            .collect()
            .await
            .map_err(|error| wrong(error.to_string()))?
            .to_bytes();
        if !status.is_success() {
            return Err(wrong(format!(
                "the server replied {status}: {}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(256)])
            )));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("the reply is no JSON: {error}")))
    };
    tokio::time::timeout(timeout, exchange)
        .await
        .map_err(|_| Error::Deadline)?
}
