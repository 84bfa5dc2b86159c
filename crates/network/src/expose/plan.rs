//! Where Services are on the machine. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service};
use tokio::time::Instant;

use super::host_port;
use crate::affinity::{self, Visit};
use crate::log::Carrier;
use crate::pods::Block;
use crate::{PodAddress, ServiceName};

/// The loopback addresses of a cluster: those of LoadBalancers, `127.N.0.1` to `127.N.251.255`, and those of nodes
/// above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(u8);

/// Where the addresses of nodes begin in a range.
const NODES: u32 = 0xfc00;

impl Range {
    /// The range of a cluster. Clusters that run at the same time on one machine should differ in `cluster`, for
    /// instance a hash of the data directory. The blocks are 127.32 to 127.63: the process runtime's pods have
    /// those above.
    pub fn of_cluster(cluster: u64) -> Self {
        Self(32 + (cluster % 32) as u8)
    }

    /// The first two numbers of its addresses.
    pub fn block(self) -> [u8; 2] {
        [127, self.0]
    }

    /// The address of a node, counted from 0; none above a thousand.
    pub fn node(self, index: usize) -> Option<Ipv4Addr> {
        let offset = u32::try_from(index).ok()?.checked_add(NODES + 1)?;
        (offset < 0xffff).then(|| Ipv4Addr::from(self.base() + offset))
    }

    fn base(self) -> u32 {
        u32::from(Ipv4Addr::new(127, self.0, 0, 0))
    }

    fn contains(self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).checked_sub(self.base());
        offset.is_some_and(|offset| (1..NODES).contains(&offset))
    }

    fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (1..NODES).map(move |offset| Ipv4Addr::from(self.base() + offset))
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) carrier: Carrier,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.carrier {
            Carrier::Tcp => self.address.fmt(formatter),
            Carrier::Udp => write!(formatter, "{} (UDP)", self.address),
        }
    }
}

/// What a place leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) goal: Goal,
    /// Who may come; nobody named is everybody.
    pub(super) clients: Vec<Block>,
    /// How long a client stays with a pod.
    pub(super) affinity: Option<Duration>,
}

/// Who is at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Goal {
    /// The pods behind this port of a Service.
    Port(ServiceName, u16),
    /// The answer to whether a Service has any (`healthCheckNodePort`).
    Health(ServiceName),
    /// This port of a pod (`hostPort`).
    Pod(PodAddress, u16),
}

impl Goal {
    /// Its namespace, and the Service where it is one's.
    pub(super) fn asked(&self) -> (&str, &str) {
        match self {
            Self::Port(service, _) | Self::Health(service) => (&service.namespace, &service.name),
            Self::Pod(pod, _) => (&pod.namespace, ""),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(service, port) => write!(formatter, "{service} port {port}"),
            Self::Health(service) => write!(formatter, "{service} health"),
            Self::Pod(pod, port) => write!(formatter, "pod {pod} port {port}"),
        }
    }
}

/// What carries a port's protocol; none where nothing here does.
pub(super) fn carrier(protocol: Option<&str>) -> Option<Carrier> {
    match protocol {
        None | Some("TCP") => Some(Carrier::Tcp),
        Some("UDP") => Some(Carrier::Udp),
        Some(_) => None,
    }
}

impl Target {
    /// Somebody who comes to the Service now.
    pub(super) fn visit<'a>(&self, service: &'a ServiceName, client: IpAddr) -> Visit<'a> {
        Visit {
            service,
            client,
            patience: self.affinity,
            now: Instant::now(),
        }
    }

    pub(super) fn admits(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|block| block.contains(client))
    }
}

/// An address for a LoadBalancer; none takes one away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gift {
    pub(super) service: ServiceName,
    pub(super) address: Option<Ipv4Addr>,
}

fn name(service: &Service) -> Option<ServiceName> {
    let namespace = service.metadata.namespace.as_deref()?;
    Some(ServiceName::new(
        namespace,
        service.metadata.name.as_deref()?,
    ))
}

fn kind(service: &Service) -> &str {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.type_.as_deref())
        .unwrap_or_default()
}

/// The addresses that a Service was given.
fn given(service: &Service) -> Vec<Ipv4Addr> {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|it| it.ingress.as_deref());
    let addresses = ingress.unwrap_or_default().iter();
    addresses
        .filter_map(|one| one.ip.as_deref()?.parse().ok())
        .collect()
}

/// Whether it is for us to give it an address: a class names somebody else.
fn is_ours(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let class = spec.and_then(|spec| spec.load_balancer_class.as_deref());
    kind(service) == "LoadBalancer"
        && class.is_none()
        && service.metadata.deletion_timestamp.is_none()
}

/// What is to be given and taken. Services that have what they should are left alone; an address that two
/// Services claim is the first one's.
pub(super) fn gifts(services: &[Arc<Service>], range: Range) -> Vec<Gift> {
    let mut taken = BTreeSet::new();
    let (mut wanting, mut gifts) = (Vec::new(), Vec::new());
    for service in services {
        let own: Vec<Ipv4Addr> = given(service)
            .into_iter()
            .filter(|address| range.contains(*address))
            .collect();
        let Some(service_name) = name(service) else {
            continue;
        };
        match (is_ours(service), own.as_slice()) {
            (true, [first, ..]) if taken.insert(*first) => {}
            (true, _) => wanting.push((service_name, asked(service, range))),
            (false, []) => {}
            (false, _) => gifts.push(Gift {
                service: service_name,
                address: None,
            }),
        }
    }
    for (service, asked) in wanting {
        let free = |address: &Ipv4Addr| !taken.contains(address);
        let found = asked.filter(free).or_else(|| range.addresses().find(free));
        if let Some(address) = found {
            taken.insert(address);
            gifts.push(Gift {
                service,
                address: Some(address),
            });
        }
    }
    gifts
}

/// The address that a Service asks for itself.
fn asked(service: &Service, range: Range) -> Option<Ipv4Addr> {
    let asked = service.spec.as_ref()?.load_balancer_ip.as_deref()?;
    asked
        .parse()
        .ok()
        .filter(|address| range.contains(*address))
}

/// Where to listen. `nodes` are the addresses of nodes; a NodePort is at each of them, and at `127.0.0.1`. What
/// several claim is the first one's, and a Service's before a pod's.
pub(super) fn places<'a>(
    services: &[Arc<Service>],
    pods: impl IntoIterator<Item = &'a Arc<Pod>>,
    nodes: &[Ipv4Addr],
) -> BTreeMap<Place, Target> {
    let nodes = [&[Ipv4Addr::LOCALHOST], nodes].concat();
    let mut places = BTreeMap::new();
    for service in services {
        for (place, target) in places_of(service, &nodes) {
            places.entry(place).or_insert(target);
        }
    }
    for (place, goal) in pods.into_iter().flat_map(|pod| host_port::places(pod)) {
        places.entry(place).or_insert_with(|| Target {
            goal,
            clients: Vec::new(),
            affinity: None,
        });
    }
    places
}

/// Where one Service is.
///
/// All nodes are on this machine, so whatever comes from outside is at the node of every pod already, and the pod
/// sees who it comes from: `externalTrafficPolicy: Local` asks for no more.
fn places_of(service: &Service, nodes: &[Ipv4Addr]) -> Vec<(Place, Target)> {
    let (Some(name), Some(spec)) = (name(service), &service.spec) else {
        return Vec::new();
    };
    if !matches!(kind(service), "NodePort" | "LoadBalancer") {
        return Vec::new();
    }
    let balancers = if is_ours(service) {
        given(service)
    } else {
        Vec::new()
    };
    let mut places = Vec::new();
    let mut add = |address: Ipv4Addr, number: i32, carrier, goal: Goal, clients: &[Block]| {
        let address = SocketAddr::new(address.into(), number as u16);
        let target = Target {
            goal,
            clients: clients.to_vec(),
            affinity: affinity::patience(spec),
        };
        places.push((Place { address, carrier }, target));
    };
    let clients = clients(service);
    for port in spec.ports.iter().flatten() {
        let Some(carrier) = carrier(port.protocol.as_deref()) else {
            continue;
        };
        let goal = || Goal::Port(name.clone(), port.port as u16);
        if let Some(number) = port.node_port.filter(|number| *number > 0) {
            for node in nodes {
                add(*node, number, carrier, goal(), &[]);
            }
        }
        for address in &balancers {
            add(*address, port.port, carrier, goal(), &clients);
        }
    }
    if let Some(number) = spec.health_check_node_port.filter(|number| *number > 0) {
        for node in nodes {
            let goal = Goal::Health(name.clone());
            add(*node, number, Carrier::Tcp, goal, &[]);
        }
    }
    places
}

/// Who may use a LoadBalancer's address. Validation refuses what is no block.
fn clients(service: &Service) -> Vec<Block> {
    let spec = service.spec.iter();
    let ranges = spec.flat_map(|spec| spec.load_balancer_source_ranges.iter().flatten());
    ranges
        .filter_map(|range| range.trim().parse().ok())
        .collect()
}
