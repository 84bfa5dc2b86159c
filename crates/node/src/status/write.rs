//! Writing a pod's status.

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::Patch;
use seatrial_controller::{Context, key_of, write};
use serde_json::{Value, json};

/// Merges the status into the pod's. A successor of the same name is left alone: the server answers
/// with a conflict.
pub async fn write_status(
    ctx: &Context,
    pod: &Pod,
    status: &PodStatus,
) -> Result<(), write::Error> {
    let patch = Patch::Merge(json!({
        "metadata": {"uid": pod.metadata.uid},
        "status": explicit(json!(status)),
    }));
    ctx.objects::<Pod>()
        .patch_subresource(&key_of(pod), "status", &patch)
        .await
}

/// A merge patch removes only what it names: fields that the node owns and that are absent now.
fn explicit(mut status: Value) -> Value {
    if let Value::Object(fields) = &mut status {
        for name in ["reason", "message", "podIP", "podIPs"] {
            fields.entry(name).or_insert(Value::Null);
        }
    }
    status
}
