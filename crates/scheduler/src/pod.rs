//! What placing a pod depends on, read once per pod.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeSelectorTerm, Pod, PodSpec, PreferredSchedulingTerm, Toleration,
    TopologySpreadConstraint,
};

use crate::NAME;
use crate::amount::Amounts;
use crate::terms::PodTerm;

/// A port of a node that a pod wants for itself: protocol, address, number.
pub(crate) type HostPort = (String, String, i32);

/// A pod, as the scheduler sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) requests: Amounts,
    pub(crate) ports: BTreeSet<HostPort>,
    pub(crate) node_selector: BTreeMap<String, String>,
    /// Any one of these must match; `None` where the pod does not care.
    pub(crate) node_terms: Option<Vec<NodeSelectorTerm>>,
    pub(crate) preferred_nodes: Vec<PreferredSchedulingTerm>,
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) near: Vec<PodTerm>,
    pub(crate) apart: Vec<PodTerm>,
    pub(crate) spread: Vec<TopologySpreadConstraint>,
}

impl Demand {
    pub(crate) fn of(pod: &Pod) -> Self {
        let nothing = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&nothing);
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let affinity = spec.affinity.clone().unwrap_or_default();
        let Affinity {
            node_affinity,
            pod_affinity,
            pod_anti_affinity,
        } = affinity;
        let node_affinity = node_affinity.unwrap_or_default();
        let near =
            pod_affinity.and_then(|near| near.required_during_scheduling_ignored_during_execution);
        let apart = pod_anti_affinity
            .and_then(|apart| apart.required_during_scheduling_ignored_during_execution);
        let terms = |terms: Option<Vec<_>>| {
            terms
                .into_iter()
                .flatten()
                .map(|term| PodTerm::of(term, &namespace))
                .collect()
        };
        Self {
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            requests: requests(spec),
            ports: ports(spec),
            node_selector: spec.node_selector.clone().unwrap_or_default(),
            node_terms: node_affinity
                .required_during_scheduling_ignored_during_execution
                .map(|required| required.node_selector_terms),
            preferred_nodes: node_affinity
                .preferred_during_scheduling_ignored_during_execution
                .unwrap_or_default(),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            near: terms(near),
            apart: terms(apart),
            spread: spec.topology_spread_constraints.clone().unwrap_or_default(),
            namespace,
        }
    }
}

/// Whether the pod waits for this scheduler: no node yet, not on its way out, not ended.
pub(crate) fn is_waiting(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    spec.node_name.as_deref().is_none_or(str::is_empty)
        && pod.metadata.deletion_timestamp.is_none()
        && spec
            .scheduler_name
            .as_deref()
            .is_none_or(|name| name.is_empty() || name == NAME)
        && !has_ended(pod)
}

/// Whether something else must lift a gate first.
pub(crate) fn is_gated(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.scheduling_gates.as_ref())
        .is_some_and(|gates| !gates.is_empty())
}

/// Whether the pod's containers have all ended for good: it takes no room any more.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Requests of the whole pod: its containers and sidecars together, or the largest init container
/// with the sidecars started before it, whichever is more; plus the overhead; and one pod.
fn requests(spec: &PodSpec) -> Amounts {
    let mut total = Amounts::default();
    for container in &spec.containers {
        total.add(&container_requests(container));
    }
    let mut sidecars = Amounts::default();
    let mut peak = Amounts::default();
    for container in spec.init_containers.iter().flatten() {
        let own = container_requests(container);
        if container.restart_policy.as_deref() == Some("Always") {
            total.add(&own);
            sidecars.add(&own);
            peak.raise(&sidecars);
        } else {
            let mut moment = sidecars.clone();
            moment.add(&own);
            peak.raise(&moment);
        }
    }
    total.raise(&peak);
    if let Some(whole) = &spec.resources {
        // Requests made for the pod as a whole take the place of its containers' sums.
        total = Amounts::of(whole.requests.as_ref()).or(total);
    }
    total.add(&Amounts::of(spec.overhead.as_ref()));
    total.set("pods", 1);
    total
}

/// A container's requests; a limit without a request is one.
fn container_requests(container: &Container) -> Amounts {
    let resources = container.resources.as_ref();
    let requests = Amounts::of(resources.and_then(|resources| resources.requests.as_ref()));
    requests.or(Amounts::of(
        resources.and_then(|resources| resources.limits.as_ref()),
    ))
}

fn ports(spec: &PodSpec) -> BTreeSet<HostPort> {
    let containers = spec
        .containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten());
    containers
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            let address = port.host_ip.clone().filter(|address| !address.is_empty());
            Some((
                protocol,
                address.unwrap_or_else(|| "0.0.0.0".to_owned()),
                number,
            ))
        })
        .collect()
}
