//! Services and the pods behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Snapshot;
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
    /// Ready endpoints, ordered by pod name.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Endpoints of pods that are ready but being deleted: used only when nothing else is left.
    pub terminating: Vec<Arc<Endpoint>>,
}

/// A Service and its pods.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    /// Ports in the order of the Service.
    pub ports: Vec<BackendPort>,
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
    let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in &snapshot.pods {
        pods.entry(pod.metadata.namespace.as_deref().unwrap_or_default())
            .or_default()
            .push(pod);
    }
    for list in pods.values_mut() {
        list.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
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
    pods: &[&Pod],
    slices: &[Arc<EndpointSlice>],
) -> Backend {
    let Some(spec) = &service.spec else {
        return Backend::default();
    };
    let ports = spec.ports.clone().unwrap_or_default();
    let is_tcp = |port: &&ServicePort| port.protocol.as_deref().is_none_or(|name| name == "TCP");
    let ports: Vec<&ServicePort> = ports.iter().filter(is_tcp).collect();
    match spec
        .selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
    {
        Some(selector) => {
            let selected = pods.iter().copied().filter(|pod| matches(pod, selector));
            let anyway = spec.publish_not_ready_addresses.unwrap_or(false);
            from_pods(
                &ports,
                selected,
                if anyway { Publish::All } else { Publish::Ready },
            )
        }
        None => from_slices(&ports, name, pods, slices),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Publish {
    All,
    Ready,
}

fn matches(pod: &Pod, selector: &BTreeMap<String, String>) -> bool {
    let labels = pod.metadata.labels.as_ref();
    selector
        .iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn from_pods<'p>(
    ports: &[&ServicePort],
    pods: impl Iterator<Item = &'p Pod>,
    publish: Publish,
) -> Backend {
    let mut backend = Backend {
        ports: ports.iter().map(|port| empty(port)).collect(),
        ..Backend::default()
    };
    for pod in pods.filter(|pod| !is_finished(pod)) {
        backend.total += 1;
        let Some(address) = address(pod) else {
            backend.unready.push(unready_reason(pod));
            continue;
        };
        if publish == Publish::Ready && !is_ready(pod) {
            backend.unready.push(unready_reason(pod));
            continue;
        }
        let version = version(pod.metadata.labels.as_ref());
        for (port, target) in backend.ports.iter_mut().zip(ports) {
            let Some(number) = target_port(target, pod) else {
                continue;
            };
            let endpoint = Arc::new(Endpoint {
                pod: address.clone(),
                port: number,
                version: version.clone(),
            });
            if pod.metadata.deletion_timestamp.is_some() {
                port.terminating.push(endpoint);
            } else {
                port.endpoints.push(endpoint);
            }
        }
        if pod.metadata.deletion_timestamp.is_some() {
            backend.unready.push(unready_reason(pod));
        }
    }
    backend
}

fn empty(port: &ServicePort) -> BackendPort {
    BackendPort {
        name: port.name.clone(),
        number: port.port as u16,
        ..BackendPort::default()
    }
}

fn from_slices(
    ports: &[&ServicePort],
    name: &ServiceName,
    pods: &[&Pod],
    slices: &[Arc<EndpointSlice>],
) -> Backend {
    let mut backend = Backend {
        ports: ports.iter().map(|port| empty(port)).collect(),
        ..Backend::default()
    };
    let owned = slices.iter().filter(|slice| {
        let labels = slice.metadata.labels.as_ref();
        slice.metadata.namespace.as_deref() == Some(&*name.namespace)
            && labels
                .and_then(|labels| labels.get("kubernetes.io/service-name"))
                .map(String::as_str)
                == Some(&*name.name)
    });
    for slice in owned {
        for endpoint in &slice.endpoints {
            backend.total += 1;
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let Some(ip) = endpoint.addresses.first() else {
                continue;
            };
            if conditions.ready == Some(false) {
                backend.unready.push(format!("address {ip}: not ready"));
                continue;
            }
            let target = endpoint.target_ref.clone().unwrap_or_default();
            let pod = pods
                .iter()
                .find(|pod| pod.metadata.name == target.name && target.name.is_some());
            let address = PodAddress {
                namespace: name.namespace.clone(),
                name: target.name.as_deref().unwrap_or(ip).into(),
                uid: target.uid.as_deref().unwrap_or(ip).into(),
                ip: ip.as_str().into(),
            };
            let version = version(pod.and_then(|pod| pod.metadata.labels.as_ref()));
            for port in &mut backend.ports {
                let number = slice.ports.iter().flatten().find(|entry| {
                    entry.name.as_deref().unwrap_or_default()
                        == port.name.as_deref().unwrap_or_default()
                });
                let Some(number) = number.and_then(|entry| entry.port) else {
                    continue;
                };
                port.endpoints.push(Arc::new(Endpoint {
                    pod: address.clone(),
                    port: number as u16,
                    version: version.clone(),
                }));
            }
        }
    }
    backend
}

fn address(pod: &Pod) -> Option<PodAddress> {
    let name: Arc<str> = pod.metadata.name.as_deref()?.into();
    Some(PodAddress {
        namespace: pod.metadata.namespace.as_deref().unwrap_or_default().into(),
        uid: pod
            .metadata
            .uid
            .as_deref()
            .map_or_else(|| name.clone(), Into::into),
        name,
        ip: pod.status.as_ref()?.pod_ip.as_deref()?.into(),
    })
}

fn is_finished(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn unready_reason(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or("?");
    if pod.metadata.deletion_timestamp.is_some() {
        return format!("pod {name}: is being deleted");
    }
    let status = pod.status.clone().unwrap_or_default();
    let waiting = status
        .container_statuses
        .iter()
        .flatten()
        .find_map(|container| {
            let reason = container
                .state
                .as_ref()?
                .waiting
                .as_ref()?
                .reason
                .as_ref()?;
            Some(format!("container {} waits: {reason}", container.name))
        });
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let why = match waiting {
        Some(waiting) => waiting,
        None if phase == "Running" => "its readiness probe has not succeeded".to_owned(),
        None => format!("phase {phase}"),
    };
    format!("pod {name}: {why}")
}

fn target_port(port: &ServicePort, pod: &Pod) -> Option<u16> {
    match &port.target_port {
        None => Some(port.port as u16),
        Some(IntOrString::Int(number)) => Some(*number as u16),
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            containers
                .flat_map(|container| container.ports.iter().flatten())
                .find(|port| port.name.as_deref() == Some(name))
                .map(|port| port.container_port as u16)
        }
    }
}
