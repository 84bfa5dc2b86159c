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

mod affinity;
mod block;
mod datagrams;
mod policy;
mod relay;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use seatrial_controller::Context;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

pub use self::block::{Block, Error as BlockError};
pub use self::view::{Settings, Source};

use self::affinity::Affinity;
use self::policy::{Denied, Protocol};
pub(crate) use self::relay::relay;
use self::view::{Destination, Front, View};
use self::watch::Watch;
use crate::names::{self, Transport};
use crate::table::{Endpoint, PortChoice};
use crate::{Gateway, PodAddress, ServiceName};

/// How long a connection may need to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

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
    affinity: Affinity,
}

/// An open way for one connection.
#[derive(Debug)]
pub struct Passage(End);

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
            affinity: Affinity::default(),
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
        let view = self.view().await;
        let settings = &self.0.settings;
        let stream = match view.destination(settings, to.ip(), to.port()) {
            Destination::Nowhere => return Err(Refusal::Nobody(to.ip())),
            Destination::Resolver => {
                view.permits_names(source, settings.resolver, Protocol::Tcp)?;
                return Ok(Passage(End::Names {
                    network: self.clone(),
                    source: source.clone(),
                }));
            }
            Destination::Api => {
                let seen = settings.api_address.into();
                view.permits(source, seen, (to.port(), Protocol::Tcp))?;
                outside(settings.api).await?
            }
            Destination::Outside => {
                view.permits(source, to.ip(), (to.port(), Protocol::Tcp))?;
                outside(to).await?
            }
            Destination::Pod { pod, port } => {
                view.permits(source, to.ip(), (port, Protocol::Tcp))?;
                self.dial(&pod, (to.ip(), port), source).await?
            }
            Destination::Service { front, port } => self.serve(&view, source, &front, port).await?,
        };
        Ok(Passage(End::Stream(stream)))
    }

    /// Connects to one of a Service's pods. Where one does not answer, another is tried: nothing was sent.
    async fn serve(
        &self,
        view: &View,
        source: &Source,
        front: &Front,
        port: u16,
    ) -> Result<TcpStream, Refusal> {
        let table = self.0.gateway.table();
        let backend = table.backend(&front.name);
        let port = backend
            .and_then(|backend| backend.port(&PortChoice::Number(port)))
            .ok_or_else(|| Refusal::NoPort {
                service: front.name.clone(),
                port,
            })?;
        let mut tried: Vec<Arc<Endpoint>> = Vec::new();
        let mut failure = Refusal::NoEndpoint(front.name.clone());
        loop {
            let now = Instant::now();
            let kept = self.0.affinity.kept(front, source.address, now);
            let kept = kept.and_then(|uid| {
                let all = port.endpoints.iter();
                all.filter(|one| !tried.iter().any(|other| Arc::ptr_eq(other, one)))
                    .find(|one| one.pod.uid == uid)
                    .cloned()
            });
            let (endpoint, _lease) = match kept {
                Some(endpoint) => (endpoint, None),
                None => match self.0.gateway.traffic().lease(port, &tried) {
                    Some(lease) => (lease.endpoint.clone(), Some(lease)),
                    None => return Err(failure),
                },
            };
            match self.reach(view, source, &endpoint).await {
                Ok(stream) => {
                    self.0
                        .affinity
                        .keep(front, source.address, &endpoint.pod.uid, now);
                    return Ok(stream);
                }
                Err(refusal @ Refusal::Connect { .. }) => failure = refusal,
                Err(refusal) => return Err(refusal),
            }
            tried.push(endpoint);
        }
    }

    /// Connects to an endpoint, which may also be an address outside.
    async fn reach(
        &self,
        view: &View,
        source: &Source,
        endpoint: &Endpoint,
    ) -> Result<TcpStream, Refusal> {
        let (name, port) = (&endpoint.pod, endpoint.port);
        let address: IpAddr = name
            .ip
            .parse()
            .map_err(|_| Refusal::NoEndpoint(ServiceName::new(&*name.namespace, &*name.name)))?;
        view.permits(source, address, (port, Protocol::Tcp))?;
        // One that names no pod is called by its address.
        if name.uid == name.ip && !view.is_pod(address) {
            return outside((address, port).into()).await;
        }
        self.dial(name, (address, port), source).await
    }

    async fn dial(
        &self,
        pod: &PodAddress,
        (address, port): (IpAddr, u16),
        source: &Source,
    ) -> Result<TcpStream, Refusal> {
        let dialled = self.0.dialer.dial(pod, port, source.address).await;
        dialled.map_err(|source| Refusal::Connect {
            to: (address, port).into(),
            source,
        })
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
    pub async fn carry(self, stream: TcpStream) {
        match self.0 {
            End::Stream(other) => relay(stream, other).await,
            End::Names { network, source } => relay::questions(stream, &network, &source).await,
        }
    }
}

async fn outside(to: SocketAddr) -> Result<TcpStream, Refusal> {
    let failed = |source| Refusal::Connect { to, source };
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(to)).await;
    let late = |_| failed(io::ErrorKind::TimedOut.into());
    let stream = connected.map_err(late)?.map_err(failed)?;
    // Without it small messages wait; where it cannot be set they do.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
