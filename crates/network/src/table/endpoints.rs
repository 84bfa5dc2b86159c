//! Services and the pods behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::pods::{Publish, from_pods};
use super::slices::from_slices;
use super::{Member, Snapshot};
use crate::{PodAddress, ServiceName};

/// The pod labels that say which version of a program runs, the most telling first.
const VERSION_LABELS: [&str; 4] = [
    "app.kubernetes.io/version",
    "version",
    "rollouts-pod-template-hash",
    "pod-template-hash",
];

/// One port of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The pod.
    pub pod: PodAddress,
    /// The port inside the pod.
    pub port: u16,
    /// The pod's version by its labels, or `unknown`.
    pub version: Arc<str>,
    /// The node that it runs on; empty where nobody says.
    pub node: Arc<str>,
}

/// How a rule names a port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortChoice {
    /// The only port; else the one named `http`, else number 80, else the first.
    Usual,
    /// By number.
    Number(u16),
    /// By name.
    Name(Arc<str>),
}

/// One port of a Service with its endpoints.
#[derive(Debug, Clone, Default)]
pub struct BackendPort {
    /// The port's name.
    pub name: Option<String>,
    /// The Service's port number.
    pub number: u16,
    /// Ready endpoints, ordered by pod name; with `publishNotReadyAddresses` all there are.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Endpoints of pods that serve but are being deleted: used only when nothing else is left.
    pub terminating: Vec<Arc<Endpoint>>,
}

impl BackendPort {
    /// The port with only the endpoints that run on a node.
    pub(crate) fn on_node(&self, node: &str) -> Self {
        let of = |all: &[Arc<Endpoint>]| -> Vec<Arc<Endpoint>> {
            let own = all.iter().filter(|one| &*one.node == node);
            own.cloned().collect()
        };
        Self {
            name: self.name.clone(),
            number: self.number,
            endpoints: of(&self.endpoints),
            terminating: of(&self.terminating),
        }
    }
}

/// A Service and its pods.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    /// Ports in the order of the Service.
    pub ports: Vec<BackendPort>,
    /// Ports that take datagrams. Requests do not go there.
    pub datagrams: Vec<BackendPort>,
    /// How many pods there are.
    pub total: usize,
    /// Why pods are not ready, one line per pod.
    pub unready: Vec<String>,
}

impl Backend {
    /// Finds a port.
    pub fn port(&self, choice: &PortChoice) -> Option<&BackendPort> {
        match choice {
            PortChoice::Number(number) => self.ports.iter().find(|port| port.number == *number),
            PortChoice::Name(name) => self
                .ports
                .iter()
                .find(|port| port.name.as_deref() == Some(&**name)),
            PortChoice::Usual => {
                let named = |port: &&BackendPort| port.name.as_deref() == Some("http");
                let eighty = |port: &&BackendPort| port.number == 80;
                let mut ports = self.ports.iter();
                ports
                    .clone()
                    .find(named)
                    .or(ports.clone().find(eighty))
                    .or(ports.next())
            }
        }
    }
}

/// The version of a program in a pod, by its labels.
pub(crate) fn version(labels: Option<&BTreeMap<String, String>>) -> Arc<str> {
    let found = VERSION_LABELS.iter().find_map(|label| labels?.get(*label));
    found.map_or_else(|| "unknown".into(), |value| value.as_str().into())
}

pub(super) fn backends(snapshot: &Snapshot) -> BTreeMap<ServiceName, Backend> {
    let mut pods: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for pod in &snapshot.pods {
        pods.entry(&*pod.namespace).or_default().push(pod);
    }
    for list in pods.values_mut() {
        list.sort_by(|left, right| left.name.cmp(&right.name));
    }
    let build = |service: &Arc<Service>| {
        let namespace = service.metadata.namespace.as_deref()?;
        let name = ServiceName::new(namespace, service.metadata.name.as_deref()?);
        let neighbours = pods.get(namespace).map(Vec::as_slice).unwrap_or_default();
        Some((
            name.clone(),
            backend(service, &name, neighbours, &snapshot.slices),
        ))
    };
    snapshot.services.iter().filter_map(build).collect()
}

fn backend(
    service: &Service,
    name: &ServiceName,
    pods: &[&Member],
    slices: &[Arc<EndpointSlice>],
) -> Backend {
    let Some(spec) = &service.spec else {
        return Backend::default();
    };
    let ports = spec.ports.clone().unwrap_or_default();
    let protocol = |port: &ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let of = |wanted: &str| -> Vec<&ServicePort> {
        ports
            .iter()
            .filter(|port| protocol(port) == wanted)
            .collect()
    };
    let mut backend = endpoints_of(service, name, (pods, slices), &of("TCP"));
    let datagrams = of("UDP");
    if !datagrams.is_empty() {
        backend.datagrams = endpoints_of(service, name, (pods, slices), &datagrams).ports;
    }
    backend
}

fn endpoints_of(
    service: &Service,
    name: &ServiceName,
    (pods, slices): (&[&Member], &[Arc<EndpointSlice>]),
    ports: &[&ServicePort],
) -> Backend {
    let Some(spec) = &service.spec else {
        return Backend::default();
    };
    match spec
        .selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
    {
        Some(selector) => {
            let selected = pods.iter().copied().filter(|pod| matches(pod, selector));
            let anyway = spec.publish_not_ready_addresses.unwrap_or(false);
            from_pods(
                ports,
                selected,
                if anyway { Publish::All } else { Publish::Ready },
            )
        }
        None => from_slices(ports, name, pods, slices),
    }
}

fn matches(pod: &Member, selector: &BTreeMap<String, String>) -> bool {
    selector
        .iter()
        .all(|(key, value)| pod.labels.get(key) == Some(value))
}

pub(super) fn empty(port: &ServicePort) -> BackendPort {
    BackendPort {
        name: port.name.clone(),
        number: port.port as u16,
        ..BackendPort::default()
    }
}
