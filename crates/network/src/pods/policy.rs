//! NetworkPolicies: who may connect to whom. Pure.
//!
//! A pod that no policy selects for a direction may do everything in it; one that some do select, what one of
//! them allows. Both ends are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_expr::selector::Label;

use super::block::Block;

type Labels = BTreeMap<String, String>;

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) address: IpAddr,
    /// Absent for whoever is no pod that policies apply to.
    pub(crate) pod: Option<Member<'a>>,
}

/// A pod as policies see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) namespace_labels: &'a Labels,
    pub(crate) labels: &'a Labels,
    /// For the names of ports.
    pub(crate) spec: Option<&'a PodSpec>,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Which way a policy looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// A policy that can be asked quickly.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    selector: Label,
    /// Absent where the policy does not look this way.
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    /// None means anybody.
    peers: Vec<Peer>,
    /// None means any port.
    ports: Vec<Port>,
}

#[derive(Debug)]
enum Peer {
    Block {
        block: Block,
        except: Vec<Block>,
    },
    /// Without a namespace selector: those of the policy's own.
    Pods {
        namespaces: Option<Label>,
        pods: Option<Label>,
    },
    /// What cannot be understood allows nobody.
    Nobody,
}

#[derive(Debug)]
struct Port {
    protocol: String,
    numbers: Numbers,
}

#[derive(Debug)]
enum Numbers {
    Any,
    Range(i32, i32),
    Named(String),
}

/// Why a connection is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {direction} rule of {policies} allows it")]
pub(crate) struct Denied {
    pub(crate) direction: Direction,
    /// Those that isolate the pod.
    pub(crate) policies: String,
}

/// Policies by namespace.
pub(crate) type Policies = BTreeMap<String, Vec<Policy>>;

/// Whether `from` may connect to a port of `to`.
pub(crate) fn permits(
    policies: &Policies,
    from: Party<'_>,
    to: Party<'_>,
    (port, protocol): (u16, Protocol),
) -> Result<(), Denied> {
    if from.address == to.address {
        return Ok(());
    }
    let asked = [
        (Direction::Egress, from, to),
        (Direction::Ingress, to, from),
    ];
    for (direction, own, other) in asked {
        let Some(member) = own.pod else { continue };
        let all = policies.get(member.namespace).map(Vec::as_slice);
        let mut isolating = Vec::new();
        let mut allowed = false;
        for policy in all.unwrap_or_default() {
            let Some(rules) = policy.rules(direction) else {
                continue;
            };
            if !policy.selector.matches(member.labels) {
                continue;
            }
            isolating.push(policy.name.as_str());
            // Ports are the server's, whichever way one looks.
            let fits = |rule: &Rule| {
                rule.has_port(to, port, protocol) && rule.has_peer(member.namespace, other)
            };
            allowed = allowed || rules.iter().any(fits);
        }
        if !isolating.is_empty() && !allowed {
            return Err(Denied {
                direction,
                policies: isolating.join(", "),
            });
        }
    }
    Ok(())
}

impl Policy {
    pub(crate) fn new(policy: &NetworkPolicy) -> Option<Self> {
        let spec = policy.spec.as_ref()?;
        let types = spec.policy_types.as_deref();
        // As upstream's defaults, for objects that were stored without them.
        let looks = |name: &str, otherwise: bool| match types {
            Some(types) if !types.is_empty() => types.iter().any(|one| one == name),
            _ => otherwise,
        };
        let ingress = spec.ingress.iter().flatten();
        let ingress = ingress.map(|rule| Rule::new(rule.from.as_deref(), rule.ports.as_deref()));
        let egress = spec.egress.iter().flatten();
        let egress = egress.map(|rule| Rule::new(rule.to.as_deref(), rule.ports.as_deref()));
        Some(Self {
            name: policy.metadata.name.clone()?,
            selector: selector(spec.pod_selector.as_ref()).unwrap_or_else(Label::everything),
            ingress: looks("Ingress", true).then(|| ingress.collect()),
            egress: looks("Egress", spec.egress.is_some()).then(|| egress.collect()),
        })
    }

    fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

fn selector(selector: Option<&LabelSelector>) -> Option<Label> {
    let value = serde_json::to_value(selector?);
    let read = value.ok().map(|value| Label::from_json(&value));
    // The server takes only what can be read; anything else selects nothing.
    Some(read.and_then(Result::ok).unwrap_or_else(Label::nothing))
}

impl Rule {
    fn new(peers: Option<&[NetworkPolicyPeer]>, ports: Option<&[NetworkPolicyPort]>) -> Self {
        Self {
            peers: peers.unwrap_or_default().iter().map(Peer::new).collect(),
            ports: ports.unwrap_or_default().iter().map(Port::new).collect(),
        }
    }

    fn has_peer(&self, own: &str, other: Party<'_>) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer.is(own, other))
    }

    fn has_port(&self, server: Party<'_>, port: u16, protocol: Protocol) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|one| one.is(server, port, protocol))
    }
}

impl Peer {
    fn new(peer: &NetworkPolicyPeer) -> Self {
        let Some(given) = &peer.ip_block else {
            return Self::Pods {
                namespaces: selector(peer.namespace_selector.as_ref()),
                pods: selector(peer.pod_selector.as_ref()),
            };
        };
        let except: Result<Vec<Block>, _> = given
            .except
            .iter()
            .flatten()
            .map(|one| one.parse())
            .collect();
        match (given.cidr.parse(), except) {
            (Ok(block), Ok(except)) => Self::Block { block, except },
            _ => Self::Nobody,
        }
    }

    fn is(&self, own: &str, other: Party<'_>) -> bool {
        match self {
            Self::Nobody => false,
            Self::Block { block, except } => {
                block.contains(other.address) && !except.iter().any(|it| it.contains(other.address))
            }
            Self::Pods { namespaces, pods } => other.pod.is_some_and(|member| {
                let here = match namespaces {
                    Some(namespaces) => namespaces.matches(member.namespace_labels),
                    None => member.namespace == own,
                };
                here && pods.as_ref().is_none_or(|pods| pods.matches(member.labels))
            }),
        }
    }
}

impl Port {
    fn new(port: &NetworkPolicyPort) -> Self {
        let numbers = match (&port.port, port.end_port) {
            (None, _) => Numbers::Any,
            (Some(IntOrString::Int(first)), last) => Numbers::Range(*first, last.unwrap_or(*first)),
            (Some(IntOrString::String(name)), _) => Numbers::Named(name.clone()),
        };
        Self {
            protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
            numbers,
        }
    }

    fn is(&self, server: Party<'_>, port: u16, protocol: Protocol) -> bool {
        if self.protocol != protocol.name() {
            return false;
        }
        match &self.numbers {
            Numbers::Any => true,
            Numbers::Range(first, last) => (*first..=*last).contains(&i32::from(port)),
            Numbers::Named(name) => server
                .pod
                .and_then(|member| member.spec)
                .is_some_and(|spec| named(spec, name, protocol, port)),
        }
    }
}

/// Whether a pod calls this port so.
fn named(spec: &PodSpec, name: &str, protocol: Protocol, number: u16) -> bool {
    let containers = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten());
    containers
        .flat_map(|container| container.ports.iter().flatten())
        .any(|port| {
            port.name.as_deref() == Some(name)
                && port.protocol.as_deref().unwrap_or("TCP") == protocol.name()
                && port.container_port == i32::from(number)
        })
}
