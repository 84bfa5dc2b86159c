//! What is to change about a node. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Patience;
use crate::taint::{self, NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE};

/// The conditions that only the node itself can know.
const OWN: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// Conditions that keep pods away: type, status, taint.
const KEEPS_AWAY: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    (
        "MemoryPressure",
        "True",
        "node.kubernetes.io/memory-pressure",
    ),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "True",
        "node.kubernetes.io/network-unavailable",
    ),
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What to write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// Conditions to set: the node has fallen silent.
    pub(super) conditions: Vec<NodeCondition>,
    /// All taints, where they change.
    pub(super) taints: Option<Vec<Taint>>,
    /// Whether the pods on it can be ready.
    pub(super) pods_unready: bool,
}

fn conditions(node: &Node) -> &[NodeCondition] {
    let status = node.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

fn find<'a>(node: &'a Node, kind: &str) -> Option<&'a NodeCondition> {
    conditions(node).iter().find(|one| one.type_ == kind)
}

/// Every condition's type and status.
pub(super) fn statuses(node: &Node) -> Vec<(&str, &str)> {
    let all = conditions(node).iter();
    all.map(|one| (one.type_.as_str(), one.status.as_str()))
        .collect()
}

/// When the node last reported itself.
pub(super) fn heartbeat(node: &Node) -> Option<Timestamp> {
    let ready = find(node, "Ready")?;
    ready.last_heartbeat_time.as_ref().map(|time| time.0)
}

pub(super) fn judge(node: &Node, patience: Patience, now: Timestamp) -> Verdict {
    let silent = if patience == Patience::Over {
        OWN.iter()
            .filter_map(|kind| unknown(node, kind, now))
            .collect()
    } else {
        Vec::new()
    };
    let status = |kind: &str| {
        let ours = silent.iter().find(|one: &&NodeCondition| one.type_ == kind);
        ours.or_else(|| find(node, kind))
            .map(|one| one.status.clone())
    };
    let taints = taints(node, status, now);
    let ready = status("Ready");
    Verdict {
        pods_unready: ready.is_some_and(|ready| ready != "True"),
        taints: (taints != taint::of(node)).then_some(taints),
        conditions: silent,
    }
}

/// The condition as unknown, where it is not already.
fn unknown(node: &Node, kind: &str, now: Timestamp) -> Option<NodeCondition> {
    let before = find(node, kind);
    if before.is_some_and(|one| one.status == "Unknown") {
        return None;
    }
    let (reason, message) = if before.is_some() {
        ("NodeStatusUnknown", "Kubelet stopped posting node status.")
    } else {
        (
            "NodeStatusNeverUpdated",
            "Kubelet never posted node status.",
        )
    };
    Some(NodeCondition {
        type_: kind.to_owned(),
        status: "Unknown".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: before.map_or_else(
            || node.metadata.creation_timestamp.clone(),
            |one| one.last_heartbeat_time.clone(),
        ),
        last_transition_time: Some(Time(now)),
    })
}

/// The node's taints with ours as they should be; those of others stay where they are.
fn taints(node: &Node, status: impl Fn(&str) -> Option<String>, now: Timestamp) -> Vec<Taint> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (kind, value, key) in KEEPS_AWAY {
        if status(kind).as_deref() == Some(value) {
            wanted.push((key, NO_SCHEDULE));
            if matches!(key, NOT_READY | UNREACHABLE) {
                wanted.push((key, NO_EXECUTE));
            }
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        wanted.push((UNSCHEDULABLE, NO_SCHEDULE));
    }
    let mut taints = taint::of(node).to_vec();
    taints.retain(|one| !is_ours(one) || wanted.contains(&(one.key.as_str(), one.effect.as_str())));
    for (key, effect) in wanted {
        let there = |one: &Taint| one.key == key && one.effect == effect;
        if !taints.iter().any(there) {
            taints.push(Taint {
                key: key.to_owned(),
                effect: effect.to_owned(),
                value: None,
                time_added: Some(Time(now)),
            });
        }
    }
    taints
}

fn is_ours(taint: &Taint) -> bool {
    let by_condition = KEEPS_AWAY.iter().any(|(_, _, key)| *key == taint.key);
    match taint.effect.as_str() {
        NO_SCHEDULE => by_condition || taint.key == UNSCHEDULABLE,
        NO_EXECUTE => matches!(taint.key.as_str(), NOT_READY | UNREACHABLE),
        _ => false,
    }
}
