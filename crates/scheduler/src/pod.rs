//! What placing a pod depends on, read once per pod.

mod affinity;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    NodeSelectorTerm, Pod, PodSpec, PreferredSchedulingTerm, Toleration,
};

pub(crate) use self::affinity::{Near, Wish, Wished};
use crate::NAME;
use crate::amount::Amounts;
use crate::spread::Constraint;

/// A port of a node that a pod wants for itself: protocol, address, number.
pub(crate) type HostPort = (String, String, i32);

/// A pod, as the scheduler sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Demand {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Whether the pod is on its way out.
    pub(crate) leaving: bool,
    /// When the pod's node took it up.
    pub(crate) started: Option<Timestamp>,
    /// What it has in common with others of its template.
    pub(crate) template: Arc<Template>,
}

impl Deref for Demand {
    type Target = Template;

    fn deref(&self) -> &Template {
        &self.template
    }
}

/// What pods demand that were made alike. Those that have a place share one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Template {
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) priority: i32,
    pub(crate) preemption: Preemption,
    pub(crate) requests: Amounts,
    /// Processor and memory as nodes are compared by them: containers that request nothing count
    /// for something, so that those spread too.
    pub(crate) weighed: (i64, i64),
    pub(crate) ports: BTreeSet<HostPort>,
    pub(crate) node_selector: BTreeMap<String, String>,
    /// Any one of these must match; `None` where the pod does not care.
    pub(crate) node_terms: Option<Vec<NodeSelectorTerm>>,
    pub(crate) preferred_nodes: Vec<PreferredSchedulingTerm>,
    pub(crate) tolerations: Vec<Toleration>,
    /// What the pod must be near to, and keep away from.
    pub(crate) between: Near,
    /// What this pod means for pods that come after it.
    pub(crate) wishes: Vec<Arc<Wish>>,
    pub(crate) spread: Vec<Constraint>,
    /// The images of its containers, each with a tag or digest.
    pub(crate) images: Vec<String>,
    /// Claims that the pod mounts.
    pub(crate) claims: Vec<String>,
}

/// Whether a pod may take the place of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Preemption {
    #[default]
    LowerPriority,
    Never,
}

impl Demand {
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            leaving: pod.metadata.deletion_timestamp.is_some(),
            started: status.and_then(|status| Some(status.start_time.as_ref()?.0)),
            template: Arc::new(Template::of(pod)),
        }
    }
}

impl Template {
    fn of(pod: &Pod) -> Self {
        let nothing = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&nothing);
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let affinity = spec.affinity.clone().unwrap_or_default();
        let node_affinity = affinity.node_affinity.unwrap_or_default();
        let terms = (
            affinity.pod_affinity.unwrap_or_default(),
            affinity.pod_anti_affinity.unwrap_or_default(),
        );
        let (between, wishes) = affinity::read(terms, &namespace, &labels);
        let spread = spec.topology_spread_constraints.iter().flatten();
        Self {
            priority: spec.priority.unwrap_or(0),
            preemption: match spec.preemption_policy.as_deref() {
                Some("Never") => Preemption::Never,
                _ => Preemption::LowerPriority,
            },
            requests: requests::requests(spec),
            weighed: requests::weighed(spec),
            ports: ports(spec),
            node_selector: spec.node_selector.clone().unwrap_or_default(),
            node_terms: node_affinity
                .required_during_scheduling_ignored_during_execution
                .map(|required| required.node_selector_terms),
            preferred_nodes: node_affinity
                .preferred_during_scheduling_ignored_during_execution
                .unwrap_or_default(),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            between,
            wishes,
            spread: spread
                .map(|constraint| Constraint::of(constraint, &namespace, &labels))
                .collect(),
            images: images(spec),
            claims: claims(pod, spec),
            labels,
            namespace,
        }
    }
}

/// The names of the claims that the pod mounts, those made for it included.
fn claims(pod: &Pod, spec: &PodSpec) -> Vec<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let claim = |volume: &k8s_openapi::api::core::v1::Volume| {
        if volume.ephemeral.is_some() {
            return Some(format!("{name}-{}", volume.name));
        }
        let claim = volume.persistent_volume_claim.as_ref()?;
        Some(claim.claim_name.clone())
    };
    spec.volumes.iter().flatten().filter_map(claim).collect()
}

/// The image of every container, also where several have the same.
fn images(spec: &PodSpec) -> Vec<String> {
    let containers = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    containers
        .map(|container| with_tag(container.image.as_deref().unwrap_or_default()))
        .collect()
}

/// An image's name as nodes report it: without a tag the newest is meant.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains(':') {
        image.to_owned()
    } else {
        format!("{image}:latest")
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
