//! Connections to pods that are kept alive between requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::body::GatewayBody;
use crate::connector::Connector;
use crate::table::Endpoint;

/// Idle connections are dropped after this long.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// A request that must not be sent twice only uses a connection that was idle for less than this:
/// servers close idle connections, and a close that crosses the request would lose it.
const FRESH_LIMIT: Duration = Duration::from_secs(1);
/// Connections kept per port of a pod.
const IDLE_PER_ENDPOINT: usize = 64;
/// How long opening a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a reused connection may need to become ready for the next request.
const READY_LIMIT: Duration = Duration::from_millis(20);

type Key = (Arc<str>, u16);
type Sender = http1::SendRequest<GatewayBody>;

/// Idle connections by pod and port.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<BTreeMap<Key, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
}

/// A connection to send one request on.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    pub(crate) origin: Origin,
}

/// Where a connection came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Just opened.
    New,
    /// Used before.
    Reused,
}

/// Which connections a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any idle one.
    Any,
    /// Only one that was idle for a moment.
    Fresh,
    /// None.
    Never,
}

impl Pool {
    /// An idle connection, or a new one. An error means that nothing was sent.
    pub(crate) async fn connect(
        &self,
        connector: &dyn Connector,
        endpoint: &Endpoint,
        reuse: Reuse,
    ) -> std::io::Result<Connection> {
        while let Some(mut sender) = self.take(endpoint, reuse) {
            let ready = tokio::time::timeout(READY_LIMIT, sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                return Ok(Connection {
                    sender,
                    origin: Origin::Reused,
                });
            }
        }
        let opening = open(connector, endpoint);
        match tokio::time::timeout(CONNECT_LIMIT, opening).await {
            Ok(result) => result.map(|sender| Connection {
                sender,
                origin: Origin::New,
            }),
            Err(_) => Err(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
            )),
        }
    }

    fn take(&self, endpoint: &Endpoint, reuse: Reuse) -> Option<Sender> {
        let limit = match reuse {
            Reuse::Any => IDLE_LIMIT,
            Reuse::Fresh => FRESH_LIMIT,
            Reuse::Never => return None,
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle.get_mut(&(endpoint.pod.uid.clone(), endpoint.port))?;
        let last = list.last()?;
        // The last is the freshest: if it is too old, so are all.
        if last.since.elapsed() >= limit {
            if limit == IDLE_LIMIT {
                list.clear();
            }
            return None;
        }
        list.pop().map(|idle| idle.sender)
    }

    /// Keeps a connection whose response has been read to its end.
    pub(crate) fn keep(&self, endpoint: &Endpoint, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle
            .entry((endpoint.pod.uid.clone(), endpoint.port))
            .or_default();
        list.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < IDLE_LIMIT);
        if list.len() < IDLE_PER_ENDPOINT {
            list.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    /// Closes the idle connections to a pod.
    pub(crate) fn forget(&self, uid: &str) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(pod, _), _| &**pod != uid);
    }

    /// Closes the idle connections to pods that are not `known`.
    pub(crate) fn retain(&self, known: impl Fn(&Arc<str>) -> bool) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(pod, _), _| known(pod));
    }
}

async fn open(connector: &dyn Connector, endpoint: &Endpoint) -> std::io::Result<Sender> {
    let stream = connector.connect(&endpoint.pod, endpoint.port).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a pod ended");
        }
    });
    Ok(sender)
}
