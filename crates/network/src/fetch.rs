//! One small GET from a pod, for scrapers and probes.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;

use crate::PodAddress;
use crate::connector::Connector;

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the pod.
    #[error("cannot connect to pod {pod} port {port}")]
    Connect {
        /// The pod.
        pod: PodAddress,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The path is no path.
    #[error("{path:?} is no path of a URL")]
    Path {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: http::Error,
    },
    /// The exchange broke off.
    #[error("pod {0} broke the exchange off")]
    Exchange(PodAddress, #[source] hyper::Error),
    /// The pod answered with another status than 200.
    #[error("pod {0} answered {1}")]
    Status(PodAddress, StatusCode),
    /// The body broke off or is too long.
    #[error("the answer of pod {0} broke off or is longer than {1} bytes")]
    Body(
        PodAddress,
        usize,
        #[source] Box<dyn std::error::Error + Send + Sync>,
    ),
    /// It took too long.
    #[error("pod {0} did not answer within {1:?}")]
    Timeout(PodAddress, Duration),
}

/// The longest answer that is read: 16 MiB.
const LONGEST: usize = 16 << 20;

/// Fetches `path` from a pod over a connection of its own, with a limit on the time it takes.
pub async fn fetch(
    connector: &dyn Connector,
    pod: &PodAddress,
    port: u16,
    path: &str,
    limit: Duration,
) -> Result<Bytes, Error> {
    let fetching = fetch_now(connector, pod, port, path);
    tokio::time::timeout(limit, fetching)
        .await
        .unwrap_or_else(|_| Err(Error::Timeout(pod.clone(), limit)))
}

async fn fetch_now(
    connector: &dyn Connector,
    pod: &PodAddress,
    port: u16,
    path: &str,
) -> Result<Bytes, Error> {
    let request = Request::get(path)
        .header(http::header::HOST, format!("{}:{port}", pod.ip))
        .header(http::header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|source| Error::Path {
            path: path.to_owned(),
            source,
        })?;
    let stream = connector
        .connect(pod, port)
        .await
        .map_err(|source| Error::Connect {
            pod: pod.clone(),
            port,
            source,
        })?;
    let exchange = |error| Error::Exchange(pod.clone(), error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(exchange)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(exchange)?;
    if response.status() != StatusCode::OK {
        return Err(Error::Status(pod.clone(), response.status()));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    driver.abort();
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|source| Error::Body(pod.clone(), LONGEST, source))
}
