//! What the cluster's names mean, by the specification "Kubernetes DNS-Based Service Discovery". Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::wire::{Code, Data, Record, Reply, kind};

/// How long clients may remember an answer.
const SECONDS: u32 = 5;
/// The version of the specification.
const VERSION: &str = "1.1.0";

/// All names of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    domain: String,
    server: Option<Ipv4Addr>,
    namespaces: BTreeSet<String>,
    /// By namespace and name.
    services: BTreeMap<(String, String), Entry>,
    /// Names by address.
    pointers: BTreeMap<IpAddr, Vec<String>>,
}

#[derive(Debug)]
struct Entry {
    ports: Vec<Port>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// One address for all.
    Cluster(Vec<IpAddr>),
    /// Each endpoint has its own.
    Headless(Vec<Endpoint>),
    /// Somebody else's name.
    External(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    name: String,
    protocol: String,
    number: u16,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Endpoint {
    label: String,
    address: IpAddr,
    ports: Vec<Port>,
}

/// What is to be done with a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The name is of the cluster, and this is what it means.
    Reply(Reply),
    /// The name leads to another, whose addresses belong into the answer.
    Alias { alias: Record, target: String },
    /// The name is none of the cluster's.
    Elsewhere,
}

impl Zone {
    pub(crate) fn build(
        (domain, server): (&str, Ipv4Addr),
        namespaces: &[Arc<Namespace>],
        services: &[Arc<Service>],
        slices: &[Arc<EndpointSlice>],
    ) -> Self {
        let mut zone = Self {
            domain: domain.to_owned(),
            server: Some(server),
            ..Self::default()
        };
        let names = namespaces.iter().filter_map(|it| it.metadata.name.clone());
        zone.namespaces.extend(names);
        let mut by_service: BTreeMap<(&str, &str), Vec<&EndpointSlice>> = BTreeMap::new();
        for slice in slices {
            let labels = slice.metadata.labels.as_ref();
            let name = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
            if let (Some(name), Some(namespace)) = (name, &slice.metadata.namespace) {
                by_service.entry((namespace, name)).or_default().push(slice);
            }
        }
        for service in services {
            let (Some(namespace), Some(name)) =
                (&service.metadata.namespace, &service.metadata.name)
            else {
                continue;
            };
            let own = by_service.get(&(namespace.as_str(), name.as_str()));
            if let Some(entry) = entry(service, own.map(Vec::as_slice).unwrap_or_default()) {
                zone.add(namespace, name, entry);
            }
        }
        zone
    }

    fn add(&mut self, namespace: &str, name: &str, entry: Entry) {
        let full = format!("{name}.{namespace}.svc.{}", self.domain);
        let mut point = |address: IpAddr, name: String| {
            let names = self.pointers.entry(address).or_default();
            names.push(name);
            names.sort();
            names.dedup();
        };
        match &entry.place {
            Place::Cluster(addresses) => {
                for address in addresses {
                    point(*address, full.clone());
                }
            }
            Place::Headless(endpoints) => {
                for endpoint in endpoints {
                    point(endpoint.address, format!("{}.{full}", endpoint.label));
                }
            }
            Place::External(_) => {}
        }
        let key = (namespace.to_owned(), name.to_owned());
        self.services.insert(key, entry);
    }

    /// What a name in lower case, without final dot, means.
    pub(crate) fn find(&self, name: &str, wanted: u16) -> Found {
        if let Some(address) = reverse(name) {
            return self.point(name, address, wanted);
        }
        let Some(rest) = name.strip_suffix(self.domain.as_str()) else {
            return Found::Elsewhere;
        };
        if !rest.is_empty() && !rest.ends_with('.') {
            return Found::Elsewhere;
        }
        let labels: Vec<&str> = rest.trim_end_matches('.').rsplit('.').collect();
        let found = match labels.as_slice() {
            [""] => Some(self.apex(name, wanted)),
            ["svc" | "pod" | "dns"] => Some(Vec::new()),
            ["svc" | "pod", namespace] => self.namespaces.contains(*namespace).then(Vec::new),
            ["svc", namespace, service, more @ ..] => {
                let key = ((*namespace).to_owned(), (*service).to_owned());
                let Some(entry) = self.services.get(&key) else {
                    return Found::Reply(self.nothing(Code::NoSuchName));
                };
                if let (Place::External(target), []) = (&entry.place, more) {
                    return alias(name, target);
                }
                Self::service(name, entry, more)
            }
            ["pod", namespace, dashed] if self.namespaces.contains(*namespace) => {
                undash(dashed).map(|address| vec![data_of(address)])
            }
            ["dns-version"] => Some(vec![Data::Text(VERSION.to_owned())]),
            ["dns", "ns"] => Some(self.server.iter().map(|it| Data::A(*it)).collect()),
            _ => None,
        };
        match found {
            None => Found::Reply(self.nothing(Code::NoSuchName)),
            Some(data) => Found::Reply(self.reply(name, wanted, data)),
        }
    }

    fn apex(&self, name: &str, wanted: u16) -> Vec<Data> {
        match wanted {
            kind::NS => vec![Data::Server(format!("ns.dns.{name}"))],
            kind::SOA => vec![self.authority().data],
            _ => Vec::new(),
        }
    }

    /// What a Service's name, or one below it, means. The labels come from right to left.
    fn service(name: &str, entry: &Entry, more: &[&str]) -> Option<Vec<Data>> {
        let base = |depth: usize| {
            let mut rest = name;
            for _ in 0..depth {
                rest = rest.split_once('.').map_or(rest, |(_, rest)| rest);
            }
            rest.to_owned()
        };
        match (more, &entry.place) {
            ([], Place::Cluster(addresses)) => {
                let mut data: Vec<Data> = addresses.iter().copied().map(data_of).collect();
                data.extend(servers(entry, &base(0), |_| true));
                Some(data)
            }
            ([], Place::Headless(endpoints)) if !endpoints.is_empty() => {
                let addresses: BTreeSet<IpAddr> = endpoints.iter().map(|it| it.address).collect();
                let mut data: Vec<Data> = addresses.into_iter().map(data_of).collect();
                data.extend(servers(entry, &base(0), |_| true));
                Some(data)
            }
            ([label], Place::Headless(endpoints)) => {
                let named = endpoints.iter().filter(|it| it.label == **label);
                let data: Vec<Data> = named.map(|it| data_of(it.address)).collect();
                (!data.is_empty()).then_some(data)
            }
            ([protocol, port], _) => {
                let (protocol, port) = (protocol.strip_prefix('_')?, port.strip_prefix('_')?);
                let chosen = |it: &Port| {
                    it.name.eq_ignore_ascii_case(port) && it.protocol.eq_ignore_ascii_case(protocol)
                };
                let data = servers(entry, &base(2), chosen);
                (!data.is_empty()).then_some(data)
            }
            _ => None,
        }
    }

    fn point(&self, name: &str, address: IpAddr, wanted: u16) -> Found {
        match self.pointers.get(&address) {
            None => Found::Elsewhere,
            Some(names) => {
                let data = names.iter().cloned().map(Data::Pointer).collect();
                Found::Reply(self.reply(name, wanted, data))
            }
        }
    }

    /// The data of the kind that was asked for. The addresses of hosts that are named come with them.
    fn reply(&self, name: &str, wanted: u16, data: Vec<Data>) -> Reply {
        let record = |data: Data| Record {
            name: name.to_owned(),
            seconds: SECONDS,
            data,
        };
        let fits = |data: &Data| wanted == kind::ANY || data.kind() == wanted;
        let answers: Vec<Record> = data.into_iter().filter(fits).map(record).collect();
        if answers.is_empty() {
            return self.nothing(Code::Fine);
        }
        let hosts: BTreeSet<&str> = answers
            .iter()
            .filter_map(|record| match &record.data {
                Data::Service { host, .. } => Some(host.as_str()),
                _ => None,
            })
            .collect();
        let mut additional = Vec::new();
        for host in hosts {
            if let Found::Reply(reply) = self.find(host, kind::A) {
                additional.extend(reply.answers);
            }
        }
        Reply {
            code: Code::Fine,
            answers,
            authority: Vec::new(),
            additional,
        }
    }

    fn nothing(&self, code: Code) -> Reply {
        Reply {
            authority: vec![self.authority()],
            ..Reply::of(code)
        }
    }

    fn authority(&self) -> Record {
        let domain = &self.domain;
        Record {
            name: domain.clone(),
            seconds: SECONDS,
            data: Data::Authority {
                server: format!("ns.dns.{domain}"),
                mailbox: format!("hostmaster.{domain}"),
                serial: 1,
                minimum: SECONDS,
            },
        }
    }
}

fn alias(name: &str, target: &str) -> Found {
    let target = target.trim_end_matches('.').to_ascii_lowercase();
    let alias = Record {
        name: name.to_owned(),
        seconds: SECONDS,
        data: Data::Alias(target.clone()),
    };
    Found::Alias { alias, target }
}

/// Host and port of each server of the chosen ports; together they weigh a hundred.
fn servers(entry: &Entry, full: &str, chosen: impl Fn(&Port) -> bool) -> Vec<Data> {
    let mut found: Vec<(String, u16)> = Vec::new();
    match &entry.place {
        Place::Headless(endpoints) => {
            for endpoint in endpoints {
                let ports = endpoint.ports.iter().filter(|port| chosen(port));
                let host = format!("{}.{full}", endpoint.label);
                found.extend(ports.map(|port| (host.clone(), port.number)));
            }
        }
        Place::Cluster(_) => {
            let ports = entry.ports.iter().filter(|port| chosen(port));
            found.extend(ports.map(|port| (full.to_owned(), port.number)));
        }
        Place::External(_) => {}
    }
    let weight = (100 / found.len().max(1)).max(1) as u16;
    let data = |(host, port)| Data::Service { weight, port, host };
    found.into_iter().map(data).collect()
}

fn entry(service: &Service, slices: &[&EndpointSlice]) -> Option<Entry> {
    let spec = service.spec.as_ref()?;
    let ports: Vec<Port> = spec
        .ports
        .iter()
        .flatten()
        .map(|port| Port {
            name: port.name.clone().unwrap_or_default(),
            protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
            number: port.port as u16,
        })
        .collect();
    let place = match (spec.type_.as_deref(), spec.cluster_ip.as_deref()) {
        (Some("ExternalName"), _) => Place::External(spec.external_name.clone()?),
        (_, Some("None")) => Place::Headless(endpoints(slices)),
        (_, Some(address)) => Place::Cluster(vec![address.parse().ok()?]),
        (_, None) => return None,
    };
    Some(Entry { ports, place })
}

fn endpoints(slices: &[&EndpointSlice]) -> Vec<Endpoint> {
    let mut found = BTreeSet::new();
    for slice in slices {
        let ports = slice.ports.iter().flatten();
        let ports: Vec<Port> = ports
            .filter_map(|port| {
                Some(Port {
                    name: port.name.clone().unwrap_or_default(),
                    protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                    number: port.port? as u16,
                })
            })
            .collect();
        for endpoint in &slice.endpoints {
            let ready = endpoint.conditions.as_ref().and_then(|it| it.ready);
            if ready == Some(false) {
                continue;
            }
            for address in endpoint.addresses.iter().filter_map(|it| it.parse().ok()) {
                found.insert(Endpoint {
                    label: label(endpoint.hostname.as_deref(), address),
                    address,
                    ports: ports.clone(),
                });
            }
        }
    }
    found.into_iter().collect()
}

fn label(hostname: Option<&str>, address: IpAddr) -> String {
    match hostname {
        Some(name) if !name.is_empty() => name.to_ascii_lowercase(),
        _ => address.to_string().replace(['.', ':'], "-"),
    }
}

fn data_of(address: IpAddr) -> Data {
    match address {
        IpAddr::V4(address) => Data::A(address),
        IpAddr::V6(address) => Data::Aaaa(address),
    }
}

/// The address in a name such as `10-244-0-7`.
fn undash(text: &str) -> Option<IpAddr> {
    let four: Result<Ipv4Addr, _> = text.replace('-', ".").parse();
    let six = || text.replace('-', ":").parse::<Ipv6Addr>();
    four.map(IpAddr::V4).or_else(|_| six().map(IpAddr::V6)).ok()
}

/// The address that a name below `in-addr.arpa` stands for.
fn reverse(name: &str) -> Option<IpAddr> {
    let digits = name.strip_suffix(".in-addr.arpa")?;
    let parts: Vec<&str> = digits.rsplit('.').collect();
    parts.join(".").parse().ok().map(IpAddr::V4)
}
