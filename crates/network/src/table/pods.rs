//! Endpoints from the pods that a Service selects.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Member;
use super::endpoints::{Backend, Endpoint, empty, version};

/// Which pods are endpoints.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Publish {
    All,
    Ready,
}

pub(super) fn from_pods<'p>(
    ports: &[&ServicePort],
    pods: impl Iterator<Item = &'p Member>,
    publish: Publish,
) -> Backend {
    let mut backend = Backend {
        ports: ports.iter().map(|port| empty(port)).collect(),
        ..Backend::default()
    };
    for pod in pods.filter(|pod| !pod.is_finished) {
        backend.total += 1;
        let Some(address) = pod.address() else {
            backend.unready.push(pod.unready.to_string());
            continue;
        };
        if publish == Publish::Ready && !pod.is_ready {
            backend.unready.push(pod.unready.to_string());
            continue;
        }
        let version = version(Some(&pod.labels));
        let leaving = pod.is_leaving && publish == Publish::Ready;
        for (port, target) in backend.ports.iter_mut().zip(ports) {
            let Some(number) = target_port(target, pod) else {
                continue;
            };
            let endpoint = Arc::new(Endpoint {
                pod: address.clone(),
                port: number,
                version: version.clone(),
                node: pod.node.clone(),
            });
            if leaving {
                port.terminating.push(endpoint);
            } else {
                port.endpoints.push(endpoint);
            }
        }
        if pod.is_leaving {
            backend.unready.push(pod.unready.to_string());
        }
    }
    backend
}

fn target_port(port: &ServicePort, pod: &Member) -> Option<u16> {
    match &port.target_port {
        None => Some(port.port as u16),
        Some(IntOrString::Int(number)) => Some(*number as u16),
        Some(IntOrString::String(name)) => {
            pod.port(name, port.protocol.as_deref().unwrap_or("TCP"))
        }
    }
}
