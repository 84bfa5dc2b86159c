//! Taints that keep pods off nodes.

use k8s_openapi::api::core::v1::{Taint, Toleration};
use seatrial_resources::placement::tolerates;

/// The first taint that keeps a pod with these tolerations off a node.
pub(crate) fn repelling<'a>(tolerations: &[Toleration], taints: &'a [Taint]) -> Option<&'a Taint> {
    taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !tolerates(tolerations, taint)
    })
}
