//! What the scheduler writes: bindings, events, and why a pod waits.

use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use kube::api::Patch;
use seatrial_controller::{Chain, Context, Notice, key_of, write};
use serde_json::json;

/// Binds a pod to a node and says so.
pub(crate) async fn bind(ctx: &Context, pod: &Pod, node: &str) -> Result<(), write::Error> {
    let key = key_of(pod);
    let binding = Binding {
        metadata: ObjectMeta {
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectMeta::default()
        },
        target: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(node.to_owned()),
            ..ObjectReference::default()
        },
    };
    ctx.objects::<Pod>()
        .create_subresource(&key, "binding", &binding)
        .await?;
    let text = format!("Successfully assigned {key} to {node}");
    ctx.recorder
        .publish(&pod.object_ref(&()), &Notice::normal("Scheduled", text))
        .await;
    Ok(())
}

/// Why a pod has no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No node does, or binding failed.
    Unschedulable,
    /// A gate is to be lifted first.
    SchedulingGated,
}

/// Says in the pod's condition, and where nobody asked for it in an event, why it waits.
pub(crate) async fn explain(ctx: &Context, pod: &Pod, reason: Reason, message: &str) {
    if reason == Reason::Unschedulable {
        let notice = Notice::warning("FailedScheduling", message);
        ctx.recorder.publish(&pod.object_ref(&()), &notice).await;
    }
    let reason = match reason {
        Reason::Unschedulable => "Unschedulable",
        Reason::SchedulingGated => "SchedulingGated",
    };
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let said = conditions.unwrap_or_default().iter().any(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some(reason)
            && condition.message.as_deref() == Some(message)
    });
    if said {
        return;
    }
    let patch = Patch::Strategic(json!({"status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": reason, "message": message,
        "lastTransitionTime": Time(ctx.clock.now()),
    }]}}));
    let written = ctx
        .objects::<Pod>()
        .patch_subresource(&key_of(pod), "status", &patch)
        .await;
    match written {
        Err(error) if !error.is_not_found() => {
            tracing::warn!("say why a pod waits: {}", Chain(&error));
        }
        _ => {}
    }
}
