//! The cluster as connections of pods see it: a frozen picture, built when it is needed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerPort, Namespace, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use tokio::time::Instant;

use super::block::Block;
use super::policy::{self, Denied, Member, Party, Policies, Policy, Protocol};
use crate::affinity::{self, Visit};
use crate::names::Zone;
use crate::{PodAddress, ServiceName};

/// The Service through which the API is reached.
pub(crate) const API: (&str, &str) = ("default", "kubernetes");
/// The Service through which the name server is reached.
pub(crate) const RESOLVER: (&str, &str) = ("kube-system", "kube-dns");

/// What does not change while a cluster runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Under which Services and pods are found, such as `cluster.local`.
    pub domain: String,
    /// The name server's address.
    pub resolver: Ipv4Addr,
    /// Where the API listens on this machine.
    pub api: std::net::SocketAddr,
    /// The API's address in the cluster.
    pub api_address: Ipv4Addr,
    /// The first two numbers of the addresses of LoadBalancers, which lie on the machine's loopback.
    pub balancers: Option<[u8; 2]>,
    /// The addresses of nodes, where NodePorts are and what pods on the machine's network listen on.
    pub nodes: Vec<Ipv4Addr>,
    /// The machine's name servers.
    pub servers: Vec<std::net::SocketAddr>,
    /// The addresses of Services and pods: one that nobody has is nowhere else either.
    pub networks: Vec<Block>,
}

/// The objects a view is built from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    pub(crate) pods: Vec<Arc<Pod>>,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) slices: Vec<Arc<EndpointSlice>>,
    pub(crate) policies: Vec<Arc<NetworkPolicy>>,
    pub(crate) namespaces: Vec<Arc<Namespace>>,
}

/// A Service as its clients reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) name: ServiceName,
    /// How long a client stays with a pod.
    pub(crate) affinity: Option<Duration>,
    /// Which of its pods it leads to.
    pub(crate) spread: Spread,
}

impl Front {
    /// A pod that comes to the Service now.
    pub(crate) fn visit<'a>(&'a self, source: &Source) -> Visit<'a> {
        Visit {
            service: &self.name,
            client: source.address,
            patience: self.affinity,
            now: Instant::now(),
        }
    }
}

impl PodAddress {
    /// The pod that an endpoint leads to: itself, or whoever has its address where it names nobody. None has
    /// an address outside.
    pub(crate) fn pod_in(&self, view: &View, address: IpAddr) -> Option<PodAddress> {
        if self.uid == self.ip {
            view.pod(address)
        } else {
            Some(self.clone())
        }
    }
}

/// Which of a Service's pods a connection may end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Any.
    Cluster,
    /// Those on the client's own node (`internalTrafficPolicy: Local`).
    Local,
}

/// An address of a node, and a port there.
type NodePlace = (IpAddr, Protocol, u16);

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct View {
    pods: BTreeMap<IpAddr, Arc<Pod>>,
    fronts: BTreeMap<IpAddr, Front>,
    /// The Services at ports of nodes, with their own ports.
    node_ports: BTreeMap<(Protocol, u16), (Front, u16)>,
    /// Pods at ports of their nodes, with their own ports: what those on the machine's network say they listen on, and
    /// what others have there as `hostPort`.
    on_nodes: BTreeMap<NodePlace, (Arc<Pod>, u16)>,
    policies: Policies,
    namespaces: BTreeMap<String, Arc<Namespace>>,
    /// Labels of whoever has none.
    none: BTreeMap<String, String>,
    /// Labels of the name server, which is no pod.
    resolver: BTreeMap<String, String>,
    pub(crate) zone: Zone,
}

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// One of a Service's pods.
    Service { front: Front, port: u16 },
    /// A pod by its own address.
    Pod { pod: PodAddress, port: u16 },
    /// The API server.
    Api,
    /// The name server.
    Resolver,
    /// Whatever has that address outside.
    Outside,
    /// Nobody has an address of the cluster's.
    Nowhere,
}

impl View {
    pub(crate) fn build(settings: &Settings, objects: &Objects) -> Self {
        let mut policies = Policies::new();
        for policy in &objects.policies {
            let namespace = policy.metadata.namespace.clone().unwrap_or_default();
            policies
                .entry(namespace)
                .or_default()
                .extend(Policy::new(policy));
        }
        let namespaces = objects
            .namespaces
            .iter()
            .filter_map(|namespace| Some((namespace.metadata.name.clone()?, namespace.clone())));
        let fronts = objects.services.iter().flat_map(|it| fronts(it));
        let pods = objects
            .pods
            .iter()
            .filter_map(|pod| Some((address_of(pod)?, pod.clone())));
        let own = (settings.domain.as_str(), settings.resolver);
        let label = ("k8s-app".to_owned(), "kube-dns".to_owned());
        Self {
            pods: pods.collect(),
            fronts: fronts.collect(),
            node_ports: objects
                .services
                .iter()
                .flat_map(|it| node_ports(it))
                .collect(),
            on_nodes: objects.pods.iter().flat_map(on_node).collect(),
            policies,
            namespaces: namespaces.collect(),
            none: BTreeMap::new(),
            resolver: BTreeMap::from([label]),
            zone: Zone::build(own, &objects.namespaces, &objects.services, &objects.slices),
        }
    }

    /// Where a connection to this address and port leads.
    pub(crate) fn destination(
        &self,
        settings: &Settings,
        (to, port): (IpAddr, u16),
        protocol: Protocol,
    ) -> Destination {
        if let Some(front) = self.fronts.get(&to) {
            let name = (&*front.name.namespace, &*front.name.name);
            return match (name, port) {
                (API, 443) => Destination::Api,
                (RESOLVER, 53) => Destination::Resolver,
                _ => Destination::Service {
                    front: front.clone(),
                    port,
                },
            };
        }
        if let Some(pod) = self.pods.get(&to) {
            let pod = pod_address(pod, to);
            return Destination::Pod { pod, port };
        }
        if let Some((front, port)) = self.node_port(settings, to, (protocol, port)) {
            let front = front.clone();
            return Destination::Service { front, port: *port };
        }
        if let Some((pod, port)) = self.on_nodes.get(&(to, protocol, port)) {
            let pod = pod_address(pod, address_of(pod).unwrap_or(to));
            return Destination::Pod { pod, port: *port };
        }
        // Also before the objects are there that say so.
        match to {
            IpAddr::V4(to) if settings.nodes.contains(&to) => Destination::Nowhere,
            IpAddr::V4(to) if to == settings.resolver && port == 53 => Destination::Resolver,
            IpAddr::V4(to) if to == settings.api_address && port == 443 => Destination::Api,
            _ if settings.networks.iter().any(|it| it.contains(to)) => Destination::Nowhere,
            _ => Destination::Outside,
        }
    }

    fn node_port(
        &self,
        settings: &Settings,
        to: IpAddr,
        place: (Protocol, u16),
    ) -> Option<&(Front, u16)> {
        let is_node = matches!(to, IpAddr::V4(to) if settings.nodes.contains(&to));
        is_node.then(|| self.node_ports.get(&place)).flatten()
    }

    /// Whether a pod may connect to an address and port, which is where its connection ends, not a Service's.
    pub(crate) fn permits(
        &self,
        from: &Source,
        to: IpAddr,
        port: (u16, Protocol),
    ) -> Result<(), Denied> {
        policy::permits(&self.policies, self.source(from), self.party(to), port)
    }

    /// Whether a pod may ask the name server, which policies see as the pod that it is elsewhere.
    pub(crate) fn permits_names(
        &self,
        from: &Source,
        resolver: Ipv4Addr,
        protocol: Protocol,
    ) -> Result<(), Denied> {
        let to = Party {
            address: resolver.into(),
            pod: Some(Member {
                namespace: RESOLVER.0,
                namespace_labels: self.labels_of(RESOLVER.0),
                labels: &self.resolver,
                spec: None,
            }),
        };
        policy::permits(&self.policies, self.source(from), to, (53, protocol))
    }

    /// The pod that connects. Its labels are those of now, where it is known already.
    fn source<'a>(&'a self, from: &'a Source) -> Party<'a> {
        let known = self.pods.get(&from.address);
        let same = known.filter(|pod| pod.metadata.uid == from.pod.metadata.uid);
        Party {
            address: from.address,
            pod: self.member(same.unwrap_or(&from.pod)),
        }
    }

    fn party(&self, address: IpAddr) -> Party<'_> {
        let pod = self.pods.get(&address);
        Party {
            address,
            pod: pod.and_then(|pod| self.member(pod)),
        }
    }

    fn member<'a>(&'a self, pod: &'a Pod) -> Option<Member<'a>> {
        let namespace = pod.metadata.namespace.as_deref()?;
        Some(Member {
            namespace,
            namespace_labels: self.labels_of(namespace),
            labels: pod.metadata.labels.as_ref().unwrap_or(&self.none),
            spec: pod.spec.as_ref(),
        })
    }

    fn labels_of(&self, namespace: &str) -> &BTreeMap<String, String> {
        let namespace = self.namespaces.get(namespace);
        namespace
            .and_then(|it| it.metadata.labels.as_ref())
            .unwrap_or(&self.none)
    }

    /// The pod that has an address.
    pub(crate) fn pod(&self, address: IpAddr) -> Option<PodAddress> {
        let pod = self.pods.get(&address)?;
        Some(pod_address(pod, address))
    }
}

/// The pod that a connection comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was when its sandbox was made.
    pub pod: Arc<Pod>,
    /// Its address.
    pub address: IpAddr,
}

/// The address of a pod that has one of its own.
fn address_of(pod: &Pod) -> Option<IpAddr> {
    let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let status = pod.status.as_ref()?;
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    (!on_machine && !ended)
        .then(|| status.pod_ip.as_deref()?.parse().ok())
        .flatten()
}

fn pod_address(pod: &Pod, address: IpAddr) -> PodAddress {
    let metadata = &pod.metadata;
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    PodAddress {
        namespace: text(&metadata.namespace),
        name: text(&metadata.name),
        uid: text(&metadata.uid),
        ip: address.to_string().into(),
    }
}

/// Where a pod is on its node.
fn on_node(pod: &Arc<Pod>) -> Vec<(NodePlace, (Arc<Pod>, u16))> {
    let status = pod.status.as_ref();
    let running = status.filter(|status| status.phase.as_deref() == Some("Running"));
    let node = running.and_then(|status| status.host_ip.as_deref()?.parse().ok());
    let (Some(spec), Some(node)) = (&pod.spec, node) else {
        return Vec::new();
    };
    let ports = spec
        .containers
        .iter()
        .flat_map(|one| one.ports.iter().flatten());
    let place = |port: &ContainerPort| {
        let own = port.container_port;
        let outer = match spec.host_network {
            Some(true) => own,
            _ => port.host_port.filter(|number| *number > 0)?,
        };
        let protocol = protocol(port.protocol.as_deref())?;
        Some(((node, protocol, outer as u16), (pod.clone(), own as u16)))
    };
    ports.filter_map(place).collect()
}

fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name {
        None | Some("TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some(_) => None,
    }
}

/// The ports of nodes at which a Service is reached.
fn node_ports(service: &Service) -> Vec<((Protocol, u16), (Front, u16))> {
    let spec = service.spec.as_ref();
    let exposed =
        spec.filter(|spec| matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer")));
    let (Some(spec), Some(front)) = (exposed, front(service)) else {
        return Vec::new();
    };
    let place = |port: &ServicePort| {
        let number = port.node_port.filter(|number| *number > 0)?;
        let protocol = protocol(port.protocol.as_deref())?;
        Some(((protocol, number as u16), (front.clone(), port.port as u16)))
    };
    spec.ports.iter().flatten().filter_map(place).collect()
}

/// A Service as those outside reach it.
fn front(service: &Service) -> Option<Front> {
    let namespace = service.metadata.namespace.as_deref()?;
    let name = service.metadata.name.as_deref()?;
    Some(Front {
        name: ServiceName::new(namespace, name),
        affinity: affinity::patience(service.spec.as_ref()?),
        spread: Spread::Cluster,
    })
}

/// The addresses at which a Service is reached.
fn fronts(service: &Service) -> Vec<(IpAddr, Front)> {
    let (Some(spec), Some(front)) = (&service.spec, front(service)) else {
        return Vec::new();
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        return Vec::new();
    }
    // What comes to an address for clients outside goes on to any pod where the client is one itself, whatever
    // `externalTrafficPolicy` says: as with the kube-proxy.
    let inner = Front {
        spread: match spec.internal_traffic_policy.as_deref() {
            Some("Local") => Spread::Local,
            _ => Spread::Cluster,
        },
        ..front.clone()
    };
    let balanced = service.status.iter().flat_map(|status| {
        let balancer = status.load_balancer.iter();
        balancer
            .flat_map(|it| it.ingress.iter().flatten())
            .filter_map(|it| it.ip.as_deref())
    });
    let given = spec.external_ips.iter().flatten().map(String::as_str);
    let own = spec.cluster_ip.as_deref().map(|address| (address, inner));
    let others = given
        .chain(balanced)
        .map(|address| (address, front.clone()));
    own.into_iter()
        .chain(others)
        .filter_map(|(address, front)| Some((address.parse().ok()?, front)))
        .collect()
}
