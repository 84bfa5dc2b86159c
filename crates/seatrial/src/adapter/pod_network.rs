//! What pods send elsewhere, on its way from a node to the network.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Chain;
use seatrial_network::PodAddress;
use seatrial_network::pods::{self, Dialer, Refusal, Source};
use seatrial_node::agent::{Agent, ConnectError};
use seatrial_node::names::ClusterNames;
use seatrial_node::runtime::{Outgoing, Passage, Refused, Uplink};
use tokio::net::{TcpStream, UdpSocket};

use super::Reach;

/// The cluster's network as nodes know it.
pub(crate) struct PodNetwork(pub(crate) pods::PodNetwork);

impl seatrial_node::agent::PodNetwork for PodNetwork {
    fn outgoing(&self, pod: &Arc<Pod>, address: IpAddr) -> Outgoing {
        let settings = self.0.settings();
        let source = Source {
            pod: pod.clone(),
            address,
        };
        Outgoing {
            uplink: Arc::new(PodUplink {
                network: self.0.clone(),
                source,
            }),
            resolver: settings.resolver,
            balancers: settings.balancers,
            essential: vec![SocketAddrV4::new(settings.api_address, 443)],
        }
    }

    fn names(&self) -> ClusterNames {
        let settings = self.0.settings();
        ClusterNames {
            server: settings.resolver,
            domain: settings.domain.clone(),
        }
    }

    fn variables_on_machine(&self) -> BTreeMap<String, String> {
        api_variables(self.0.settings().api)
    }
}

struct PodUplink {
    network: pods::PodNetwork,
    source: Source,
}

#[async_trait]
impl Uplink for PodUplink {
    async fn open(&self, to: SocketAddr) -> Result<Box<dyn Passage>, Refused> {
        let opened = self.network.open(&self.source, to).await;
        let passage = opened.map_err(|refusal| self.refused(to, refusal))?;
        Ok(Box::new(Carried(passage)))
    }

    async fn open_datagrams(&self, to: SocketAddr) -> Result<UdpSocket, Refused> {
        let opened = self.network.open_datagrams(&self.source, to).await;
        opened.map_err(|refusal| self.refused(to, refusal))
    }

    async fn answer(&self, question: Vec<u8>) -> Option<Vec<u8>> {
        self.network.answer(&self.source, &question).await
    }
}

impl PodUplink {
    fn refused(&self, to: SocketAddr, refusal: Refusal) -> Refused {
        let metadata = &self.source.pod.metadata;
        let (namespace, pod) = (&metadata.namespace, &metadata.name);
        tracing::debug!(?namespace, ?pod, %to, "refused: {}", Chain(&refusal));
        match refusal {
            Refusal::Denied(_) | Refusal::NoLocalEndpoint(_) => Refused::Silence,
            Refusal::Connect { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
                Refused::Silence
            }
            _ => Refused::Reset,
        }
    }
}

struct Carried(pods::Passage);

#[async_trait]
impl Passage for Carried {
    async fn carry(self: Box<Self>, stream: TcpStream) {
        self.0.carry(stream).await;
    }
}

#[async_trait]
impl Dialer for Reach {
    async fn dial(&self, pod: &PodAddress, port: u16, source: IpAddr) -> io::Result<TcpStream> {
        let agent = self.agent_of(pod)?;
        let dialled = agent
            .connect_from(&pod.namespace, &pod.name, (source, port))
            .await;
        dialled.map_err(|error| unreached(&error))
    }

    async fn datagrams(
        &self,
        pod: &PodAddress,
        port: u16,
        source: IpAddr,
    ) -> io::Result<UdpSocket> {
        let agent = self.agent_of(pod)?;
        let opened = agent
            .datagrams_from(&pod.namespace, &pod.name, (source, port))
            .await;
        opened.map_err(|error| unreached(&error))
    }
}

impl Reach {
    fn agent_of(&self, pod: &PodAddress) -> io::Result<Agent> {
        self.agent(&pod.namespace, &pod.name).ok_or_else(|| {
            let text = format!("pod {pod} runs on no node here");
            io::Error::new(io::ErrorKind::ConnectionRefused, text)
        })
    }
}

fn unreached(error: &ConnectError) -> io::Error {
    let kind = match error {
        ConnectError::Connect { source, .. } => source.kind(),
        _ => io::ErrorKind::ConnectionRefused,
    };
    io::Error::new(kind, Chain(error).to_string())
}

/// Where the API is for pods that share the machine's network, in the variables of its Service.
pub(crate) fn api_variables(api: SocketAddr) -> BTreeMap<String, String> {
    let (host, port) = (api.ip().to_string(), api.port().to_string());
    let url = format!("tcp://{api}");
    [
        ("KUBERNETES_SERVICE_HOST", host),
        ("KUBERNETES_SERVICE_PORT", port.clone()),
        ("KUBERNETES_SERVICE_PORT_HTTPS", port),
        ("KUBERNETES_PORT", url),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
