//! Connections that pods open: found, allowed or refused, and carried.
//!
//! ```text
//!   pod ── 10.96.0.7:80 ──▶ View::destination ──▶ Service ─ lease, affinity ─▶ endpoint ┐
//!                                             ├▶ Pod ────────────────────────────────────┼─ permits? ─▶ dial
//!                                             ├▶ Api, Resolver                           │
//!                                             └▶ Outside: the machine's network ─────────┘
//! ```
//!
//! **Invariants**
//! - Where a connection leads and whether it may is a pure function of the view and the routing table.
//! - A view is built when somebody asks and something has changed: a cluster of simulated pods builds none.
//! - Bytes are copied one way and the other, each end is handed on by itself, and a break on one side becomes a
//!   break on the other.

mod block;
mod datagrams;
mod policy;
mod reach;
mod relay;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_controller::Context;
use tokio::net::{TcpStream, UdpSocket};

pub use self::block::{Block, Error as BlockError};
pub use self::view::{Settings, Source};

use self::policy::{Denied, Protocol};
pub(crate) use self::relay::relay;
use self::view::View;
use self::watch::Watch;
use crate::log::{Carrier, ConnectionRecord, Noted, Outcome};
use crate::names::{self, Transport};
use crate::{Gateway, PodAddress, ServiceName};

/// Opens connections into pods in the name of other pods.
#[async_trait]
pub trait Dialer: Send + Sync + 'static {
    /// Opens a connection to `port` of `pod`, whose server sees `source` as its client where that is
    /// possible.
    async fn dial(&self, pod: &PodAddress, port: u16, source: IpAddr) -> io::Result<TcpStream>;

    /// A socket that is connected to the UDP port `port` of `pod`, as `source`.
    async fn datagrams(&self, pod: &PodAddress, port: u16, source: IpAddr)
    -> io::Result<UdpSocket>;
}

/// Why a connection is not opened.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A NetworkPolicy does not allow it.
    #[error("NetworkPolicy: {0}")]
    Denied(String),
    /// Nobody has this address.
    #[error("nobody has the address {0}")]
    Nobody(IpAddr),
    /// The Service has no such port.
    #[error("Service {service} has no such port {port}")]
    NoPort {
        /// The Service.
        service: ServiceName,
        /// As it was asked for.
        port: u16,
    },
    /// The Service has no pod that is ready.
    #[error("Service {0} has no ready endpoint")]
    NoEndpoint(ServiceName),
    /// The Service wants one on the client's node, and there is none.
    #[error("Service {0} has no endpoint on this node, and its internalTrafficPolicy is Local")]
    NoLocalEndpoint(ServiceName),
    /// It could not be opened.
    #[error("connect to {to}")]
    Connect {
        /// Where to.
        to: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Refusal {
    /// As it is recorded.
    fn outcome(&self) -> Outcome {
        match self {
            Self::Denied(_) => Outcome::Denied,
            Self::Connect { .. } => Outcome::Failed,
            _ => Outcome::Nobody,
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied.to_string())
    }
}

/// Carries what pods send elsewhere. Clones share everything.
#[derive(Clone)]
pub struct PodNetwork(Arc<Shared>);

struct Shared {
    settings: Settings,
    gateway: Gateway,
    dialer: Arc<dyn Dialer>,
    watch: Watch,
}

/// An open way for one connection. It is recorded when it ends.
#[derive(Debug)]
pub struct Passage {
    end: End,
    noted: Noted,
}

#[derive(Debug)]
enum End {
    Stream(TcpStream),
    Names { network: PodNetwork, source: Source },
}

impl std::fmt::Debug for PodNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PodNetwork").finish_non_exhaustive()
    }
}

impl PodNetwork {
    /// Follows the cluster from the first question on.
    pub fn new(
        ctx: &Context,
        gateway: Gateway,
        dialer: Arc<dyn Dialer>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Shared {
            settings,
            gateway,
            dialer,
            watch: Watch::new(ctx),
        }))
    }

    /// What does not change.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    async fn view(&self) -> Arc<View> {
        self.0.watch.view(&self.0.settings).await
    }

    /// Opens the way for a connection of a pod.
    ///
    /// # Errors
    /// Where it leads nowhere, is not allowed, or is refused there.
    pub async fn open(&self, source: &Source, to: SocketAddr) -> Result<Passage, Refusal> {
        let mut noted = self.note(source, Carrier::Tcp);
        let found = self.find(source, to, &mut noted.record).await;
        let end = found.inspect_err(|refusal| noted.record.outcome = refusal.outcome())?;
        Ok(Passage { end, noted })
    }

    /// The record of a connection that a pod opens.
    fn note(&self, source: &Source, carrier: Carrier) -> Noted {
        let metadata = &source.pod.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (namespace, name) = (text(&metadata.namespace), text(&metadata.name));
        let record = ConnectionRecord::new(carrier, &namespace, &name);
        Noted::new(self.0.gateway.log(), record)
    }

    /// Answers a pod's question to the name server; none where a policy forbids to ask.
    pub async fn answer(&self, source: &Source, question: &[u8]) -> Option<Vec<u8>> {
        self.look_up(source, question, Transport::Datagram).await
    }

    async fn look_up(
        &self,
        source: &Source,
        question: &[u8],
        transport: Transport,
    ) -> Option<Vec<u8>> {
        let (view, settings) = (self.view().await, &self.0.settings);
        let protocol = match transport {
            Transport::Datagram => Protocol::Udp,
            Transport::Stream => Protocol::Tcp,
        };
        view.permits_names(source, settings.resolver, protocol)
            .ok()?;
        names::answer(&view.zone, &settings.servers, question, transport).await
    }
}

impl Passage {
    /// Carries the pod's end of the connection until both sides have ended.
    pub async fn carry(mut self, stream: TcpStream) {
        match self.end {
            End::Stream(other) => {
                let record = &mut self.noted.record;
                (record.sent, record.received) = relay(stream, other).await;
            }
            End::Names { network, source } => relay::questions(stream, &network, &source).await,
        }
    }
}
