//! What a ReplicaSet does about the difference. Pure.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

use super::observe::World;
use crate::pod;

/// The most pods one pass creates or deletes (upstream's burst).
const BURST: usize = 500;

/// The change in the number of pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    None,
    Create(usize),
    Delete(Vec<Arc<Pod>>),
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) adopt: Vec<Arc<Pod>>,
    pub(super) change: Change,
}

pub(super) fn decide(set: &ReplicaSet, world: &World) -> Plan {
    let release: Vec<_> = world.strays.clone();
    if set.metadata.deletion_timestamp.is_some() {
        return Plan {
            release: Vec::new(),
            adopt: Vec::new(),
            change: Change::None,
        };
    }
    let adopt = world.orphans.clone();
    let active: Vec<_> = world
        .owned
        .iter()
        .chain(&adopt)
        .filter(|pod| pod::is_active(pod))
        .cloned()
        .collect();
    let wanted = set
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let change = match active.len().cmp(&wanted) {
        Ordering::Equal => Change::None,
        Ordering::Less => Change::Create((wanted - active.len()).min(BURST)),
        Ordering::Greater => {
            let surplus = (active.len() - wanted).min(BURST);
            Change::Delete(doomed(active, surplus))
        }
    };
    Plan {
        release,
        adopt,
        change,
    }
}

/// Which pods go first: see [`Rank`].
fn doomed(pods: Vec<Arc<Pod>>, count: usize) -> Vec<Arc<Pod>> {
    let mut crowd: BTreeMap<String, usize> = BTreeMap::new();
    for pod in &pods {
        if let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) {
            *crowd.entry(node).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = pods
        .into_iter()
        .map(|pod| (Rank::of(&pod, &crowd), pod))
        .collect();
    ranked.sort_by(|one, other| one.0.cmp(&other.0));
    ranked.into_iter().take(count).map(|(_, pod)| pod).collect()
}

/// The order in which surplus pods are deleted, as upstream's `ActivePodsWithRanks`: unassigned
/// before assigned, pending before unknown before running, unready before ready, cheaper before
/// dearer (`controller.kubernetes.io/pod-deletion-cost`), crowded nodes before others, ready for a
/// shorter time before longer, more restarts before fewer, newer before older; then by name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    assigned: bool,
    phase: u8,
    ready: bool,
    cost: i32,
    crowd: Reverse<usize>,
    ready_since: Reverse<Option<Timestamp>>,
    restarts: Reverse<i32>,
    created: Reverse<Option<Timestamp>>,
    name: String,
}

impl Rank {
    fn of(pod: &Pod, crowd: &BTreeMap<String, usize>) -> Self {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        let annotations = pod.metadata.annotations.as_ref();
        let cost = annotations
            .and_then(|all| all.get("controller.kubernetes.io/pod-deletion-cost"))
            .and_then(|cost| cost.parse().ok());
        Self {
            assigned: node.is_some(),
            phase: match pod::phase(pod) {
                "Pending" => 0,
                "Unknown" => 1,
                _ => 2,
            },
            ready: pod::is_ready(pod),
            cost: cost.unwrap_or(0),
            crowd: Reverse(node.and_then(|node| crowd.get(node)).copied().unwrap_or(0)),
            ready_since: Reverse(pod::ready_since(pod)),
            restarts: Reverse(pod::restarts(pod)),
            created: Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)),
            name: pod.metadata.name.clone().unwrap_or_default(),
        }
    }
}
