//! As much of a pod as a table needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::PodState;
use crate::PodAddress;

/// A pod as the gateway sees it. A large cluster has many, and all of them stay in memory.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and a pod may be all of them"
)]
pub struct Member {
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    uid: Option<Arc<str>>,
    ip: Option<Arc<str>>,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// The node that it runs on; empty where nobody says.
    pub(super) node: Arc<str>,
    named_ports: Box<[NamedPort]>,
    pub(super) is_ready: bool,
    /// Whether its containers have ended for good.
    pub(super) is_finished: bool,
    pub(super) is_leaving: bool,
    /// Whether its address is the machine's.
    on_machine: bool,
    /// Why it is not ready, or not for long.
    pub(super) unready: Box<str>,
}

#[derive(Debug, Clone)]
struct NamedPort {
    name: Box<str>,
    protocol: Box<str>,
    number: u16,
}

impl Member {
    /// What the gateway needs of a pod.
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let shared = |text: Option<&str>| -> Arc<str> { text.unwrap_or_default().into() };
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        let is_leaving = meta.deletion_timestamp.is_some();
        let is_ready = is_ready(pod);
        let is_absent = is_leaving || !is_ready || status.is_none_or(|it| it.pod_ip.is_none());
        let unready = if is_absent {
            unready_reason(pod)
        } else {
            String::new()
        };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        Self {
            namespace: shared(meta.namespace.as_deref()),
            name: shared(meta.name.as_deref()),
            uid: meta.uid.as_deref().map(Into::into),
            ip: status.and_then(|it| it.pod_ip.as_deref()).map(Into::into),
            labels: Arc::new(meta.labels.clone().unwrap_or_default()),
            node: shared(node),
            named_ports: named_ports(pod),
            is_ready,
            is_finished: matches!(phase, Some("Succeeded" | "Failed")),
            is_leaving,
            on_machine: pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true),
            unready: unready.into(),
        }
    }

    pub(super) fn address(&self) -> Option<PodAddress> {
        Some(PodAddress {
            namespace: self.namespace.clone(),
            uid: self.uid.as_ref().unwrap_or(&self.name).clone(),
            name: self.name.clone(),
            ip: self.ip.clone()?,
        })
    }

    /// The pod's own address, if it is this one: those of pods on the machine's network are the machine's.
    pub(super) fn at(&self, ip: &str) -> Option<PodAddress> {
        let own = self.address().filter(|own| &*own.ip == ip)?;
        (!self.on_machine && !self.is_finished).then_some(own)
    }

    pub(super) fn state(&self) -> Option<(Arc<str>, PodState)> {
        let state = if self.is_leaving {
            PodState::Terminating
        } else {
            PodState::Live
        };
        Some((self.uid.clone()?, state))
    }

    /// The number of a port that a container names.
    pub(super) fn port(&self, name: &str, protocol: &str) -> Option<u16> {
        let mut ports = self.named_ports.iter();
        let found = ports.find(|port| *port.name == *name && *port.protocol == *protocol)?;
        Some(found.number)
    }
}

fn named_ports(pod: &Pod) -> Box<[NamedPort]> {
    let spec = pod.spec.iter();
    let containers = spec.flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten();
        spec.containers.iter().chain(sidecars)
    });
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let named = ports.filter_map(|port| {
        Some(NamedPort {
            name: port.name.as_deref()?.into(),
            protocol: port.protocol.as_deref().unwrap_or("TCP").into(),
            number: port.container_port as u16,
        })
    });
    named.collect()
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
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_deref());
    let waiting = containers.unwrap_or_default().iter().find_map(|container| {
        let reason = container
            .state
            .as_ref()?
            .waiting
            .as_ref()?
            .reason
            .as_ref()?;
        Some(format!("container {} waits: {reason}", container.name))
    });
    let phase = status.and_then(|status| status.phase.as_deref());
    let phase = phase.unwrap_or("Pending");
    let why = match waiting {
        Some(waiting) => waiting,
        None if phase == "Running" => "its readiness probe has not succeeded".to_owned(),
        None => format!("phase {phase}"),
    };
    format!("pod {name}: {why}")
}
