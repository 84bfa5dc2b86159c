//! Where a connection of a pod leads, and the opening of it.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::policy::Protocol;
use super::view::{API, Destination, Front, RESOLVER, Spread, View};
use super::{End, PodNetwork, Refusal, Source};
use crate::log::ConnectionRecord;
use crate::table::{BackendPort, Endpoint, PortChoice};
use crate::{PodAddress, ServiceName};

/// How long a connection may need to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

impl PodNetwork {
    /// Finds where a connection of a pod leads, and opens it; tells the record what was found.
    pub(super) async fn find(
        &self,
        source: &Source,
        to: SocketAddr,
        record: &mut ConnectionRecord,
    ) -> Result<End, Refusal> {
        let view = self.view().await;
        let settings = &self.0.settings;
        let stream = match view.destination(settings, (to.ip(), to.port()), Protocol::Tcp) {
            Destination::Nowhere => return Err(Refusal::Nobody(to.ip())),
            Destination::Resolver => {
                record.asked(RESOLVER.0, RESOLVER.1);
                view.permits_names(source, settings.resolver, Protocol::Tcp)?;
                return Ok(End::Names {
                    network: self.clone(),
                    source: source.clone(),
                });
            }
            Destination::Api => {
                record.asked(API.0, API.1);
                let seen = settings.api_address.into();
                view.permits(source, seen, (to.port(), Protocol::Tcp))?;
                outside(settings.api).await?
            }
            Destination::Outside => {
                view.permits(source, to.ip(), (to.port(), Protocol::Tcp))?;
                outside(to).await?
            }
            Destination::Pod { pod, port } => {
                record.asked(&pod.namespace, "");
                record.pod = pod.name.clone();
                view.permits(source, to.ip(), (port, Protocol::Tcp))?;
                self.dial(&pod, (to.ip(), port), source).await?
            }
            Destination::Service { front, port } => {
                record.asked(&front.name.namespace, &front.name.name);
                let (stream, endpoint) = self.serve(&view, source, &front, port).await?;
                record.pod = endpoint.pod.name.clone();
                stream
            }
        };
        Ok(End::Stream(stream))
    }

    /// Connects to one of a Service's pods. Where one does not answer, another is tried: nothing was sent.
    async fn serve(
        &self,
        view: &View,
        source: &Source,
        front: &Front,
        port: u16,
    ) -> Result<(TcpStream, Arc<Endpoint>), Refusal> {
        let table = self.0.gateway.table();
        let backend = table.backend(&front.name);
        let port = backend
            .and_then(|backend| backend.port(&PortChoice::Number(port)))
            .ok_or_else(|| Refusal::NoPort {
                service: front.name.clone(),
                port,
            })?;
        let port = &*chosen(port, front, source)?;
        let mut tried: Vec<Arc<Endpoint>> = Vec::new();
        let mut failure = Refusal::NoEndpoint(front.name.clone());
        loop {
            let visit = front.visit(source);
            let Some((endpoint, _lease)) = self.0.gateway.choose(visit, port, &tried) else {
                return Err(failure);
            };
            match self.reach(view, source, &endpoint).await {
                Ok(stream) => {
                    self.0.gateway.affinity().keep(visit, &endpoint);
                    return Ok((stream, endpoint));
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
        match name.pod_in(view, address) {
            Some(pod) => self.dial(&pod, (address, port), source).await,
            None => outside((address, port).into()).await,
        }
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
}

/// The endpoints of a Service's port that a pod may be led to.
pub(super) fn chosen<'port>(
    port: &'port BackendPort,
    front: &Front,
    source: &Source,
) -> Result<Cow<'port, BackendPort>, Refusal> {
    if front.spread == Spread::Cluster {
        return Ok(Cow::Borrowed(port));
    }
    let spec = source.pod.spec.as_ref();
    let node = spec.and_then(|spec| spec.node_name.as_deref());
    let local = port.on_node(node.unwrap_or_default());
    if local.endpoints.is_empty() && local.terminating.is_empty() {
        return Err(Refusal::NoLocalEndpoint(front.name.clone()));
    }
    Ok(Cow::Owned(local))
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
