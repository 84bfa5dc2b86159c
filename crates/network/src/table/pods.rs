//! Endpoints from the pods that a Service selects.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::endpoints::{Backend, Endpoint, empty, version};
use crate::PodAddress;

/// Which pods are endpoints.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Publish {
    All,
    Ready,
}

pub(super) fn from_pods<'p>(
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
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let node: Arc<str> = node.unwrap_or_default().into();
        let leaving = pod.metadata.deletion_timestamp.is_some() && publish == Publish::Ready;
        for (port, target) in backend.ports.iter_mut().zip(ports) {
            let Some(number) = target_port(target, pod) else {
                continue;
            };
            let endpoint = Arc::new(Endpoint {
                pod: address.clone(),
                port: number,
                version: version.clone(),
                node: node.clone(),
            });
            if leaving {
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

/// The pod's own address, if it is this one: those of pods on the machine's network are the machine's.
pub(super) fn at(pod: &Pod, ip: &str) -> Option<PodAddress> {
    let on_machine = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let own = address(pod).filter(|own| &*own.ip == ip)?;
    (!on_machine && !is_finished(pod)).then_some(own)
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
            let spec = pod.spec.as_ref()?;
            let sidecars = spec.init_containers.iter().flatten();
            let protocol =
                |protocol: &Option<String>| protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            let wanted = protocol(&port.protocol);
            let containers = spec.containers.iter().chain(sidecars);
            containers
                .flat_map(|container| container.ports.iter().flatten())
                .find(|port| {
                    port.name.as_deref() == Some(name) && protocol(&port.protocol) == wanted
                })
                .map(|port| port.container_port as u16)
        }
    }
}
