//! Datagrams that pods send.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::policy::Protocol;
use super::reach::chosen;
use super::view::{Destination, Front, View};
use super::{PodNetwork, Refusal, Source};
use crate::PodAddress;
use crate::log::{Carrier, ConnectionRecord};
use crate::table::Endpoint;

impl PodNetwork {
    /// A socket that is connected to where a pod sends datagrams.
    ///
    /// # Errors
    /// Where they lead nowhere or are not allowed. Whether anybody listens there does not show.
    pub async fn open_datagrams(
        &self,
        source: &Source,
        to: SocketAddr,
    ) -> Result<UdpSocket, Refusal> {
        let mut noted = self.note(source, Carrier::Udp);
        let found = self.find_datagrams(source, to, &mut noted.record).await;
        found.inspect_err(|refusal| noted.record.outcome = refusal.outcome())
    }

    async fn find_datagrams(
        &self,
        source: &Source,
        to: SocketAddr,
        record: &mut ConnectionRecord,
    ) -> Result<UdpSocket, Refusal> {
        let view = self.view().await;
        match view.destination(&self.0.settings, (to.ip(), to.port()), Protocol::Udp) {
            // Questions come another way, and the API takes no datagrams.
            Destination::Nowhere | Destination::Resolver | Destination::Api => {
                Err(Refusal::Nobody(to.ip()))
            }
            Destination::Outside => {
                view.permits(source, to.ip(), (to.port(), Protocol::Udp))?;
                outside(to).await
            }
            Destination::Pod { pod, port } => {
                record.asked(&pod.namespace, "");
                record.pod = pod.name.clone();
                view.permits(source, to.ip(), (port, Protocol::Udp))?;
                self.datagrams_to(&pod, (to.ip(), port), source).await
            }
            Destination::Service { front, port } => {
                record.asked(&front.name.namespace, &front.name.name);
                let served = self.serve_datagrams(&view, source, &front, port).await;
                let (socket, endpoint) = served?;
                record.pod = endpoint.pod.name.clone();
                Ok(socket)
            }
        }
    }

    async fn serve_datagrams(
        &self,
        view: &View,
        source: &Source,
        front: &Front,
        port: u16,
    ) -> Result<(UdpSocket, Arc<Endpoint>), Refusal> {
        let table = self.0.gateway.table();
        let backend = table.backend(&front.name);
        let port = backend
            .and_then(|backend| backend.datagrams.iter().find(|one| one.number == port))
            .ok_or_else(|| Refusal::NoPort {
                service: front.name.clone(),
                port,
            })?;
        let port = &*chosen(port, front, source)?;
        let visit = front.visit(source);
        let chosen = self.0.gateway.choose(visit, port, &[]);
        let (endpoint, _) = chosen.ok_or_else(|| Refusal::NoEndpoint(front.name.clone()))?;
        let nobody = |_| Refusal::NoEndpoint(front.name.clone());
        let address: IpAddr = endpoint.pod.ip.parse().map_err(nobody)?;
        let place = (address, endpoint.port);
        view.permits(source, address, (endpoint.port, Protocol::Udp))?;
        self.0.gateway.affinity().keep(visit, &endpoint);
        let socket = match endpoint.pod.pod_in(view, address) {
            Some(pod) => self.datagrams_to(&pod, place, source).await?,
            None => outside(place.into()).await?,
        };
        Ok((socket, endpoint))
    }

    async fn datagrams_to(
        &self,
        pod: &PodAddress,
        (address, port): (IpAddr, u16),
        source: &Source,
    ) -> Result<UdpSocket, Refusal> {
        let opened = self.0.dialer.datagrams(pod, port, source.address).await;
        opened.map_err(|source| Refusal::Connect {
            to: (address, port).into(),
            source,
        })
    }
}

async fn outside(to: SocketAddr) -> Result<UdpSocket, Refusal> {
    let own: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let opened = async {
        let socket = UdpSocket::bind(own).await?;
        socket.connect(to).await?;
        io::Result::Ok(socket)
    };
    opened
        .await
        .map_err(|source| Refusal::Connect { to, source })
}
