//! Taints of nodes, and what pods tolerate. Pure.

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
pub(crate) use seatrial_resources::placement::{covers, tolerates};

/// The taint of a node whose `Ready` condition is false.
pub(crate) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of a node that nobody has heard of for too long.
pub(crate) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
pub(crate) const NO_EXECUTE: &str = "NoExecute";
pub(crate) const NO_SCHEDULE: &str = "NoSchedule";

/// The taints of a node.
pub(crate) fn of(node: &Node) -> &[Taint] {
    let spec = node.spec.as_ref();
    spec.and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default()
}

/// What a pod tolerates.
pub(crate) fn tolerations(pod: &Pod) -> &[Toleration] {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default()
}
