//! What the scheduler writes: bindings, events, and why a pod waits.

use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use kube::api::{DeleteParams, Patch};
use seatrial_controller::{Chain, Context, Notice, key_of, write};
use serde_json::{Value, json};

use crate::NAME;

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
    /// No node does.
    Unschedulable,
    /// The API did not take the binding.
    SchedulerError,
    /// A gate is to be lifted first.
    SchedulingGated,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unschedulable => "Unschedulable",
            Self::SchedulerError => "SchedulerError",
            Self::SchedulingGated => "SchedulingGated",
        }
    }
}

/// What becomes of the node that a pod counts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nomination {
    Keep,
    Set(String),
    Clear,
}

/// Says in the pod's condition, and where nobody asked for it in an event, why it waits.
pub(crate) async fn explain(
    ctx: &Context,
    pod: &Pod,
    reason: Reason,
    message: &str,
    nomination: Nomination,
) {
    if reason != Reason::SchedulingGated {
        let notice = Notice::warning("FailedScheduling", message);
        ctx.recorder.publish(&pod.object_ref(&()), &notice).await;
    }
    let mut status = json!({});
    if let Some(condition) = condition(ctx, pod, reason, message) {
        status["conditions"] = json!([condition]);
    }
    let before = pod.status.as_ref();
    let before = before.and_then(|status| status.nominated_node_name.as_deref());
    match nomination {
        Nomination::Set(node) if before != Some(&node) => status["nominatedNodeName"] = json!(node),
        Nomination::Clear if before.is_some() => status["nominatedNodeName"] = Value::Null,
        _ => {}
    }
    if status.as_object().is_some_and(|status| !status.is_empty()) {
        patch_status(ctx, pod, status, "say why a pod waits").await;
    }
}

/// The condition to write, unless the pod has it already.
fn condition(ctx: &Context, pod: &Pod, reason: Reason, message: &str) -> Option<Value> {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let mut all = conditions.unwrap_or_default().iter();
    let before = all
        .find(|condition| condition.type_ == "PodScheduled")
        .filter(|condition| condition.status == "False");
    let same = |condition: &PodCondition| {
        condition.reason.as_deref() == Some(reason.as_str())
            && condition.message.as_deref() == Some(message)
    };
    if before.is_some_and(same) {
        return None;
    }
    let since = before.and_then(|condition| condition.last_transition_time.clone());
    Some(json!({
        "type": "PodScheduled", "status": "False",
        "reason": reason.as_str(), "message": message,
        "lastTransitionTime": since.unwrap_or(Time(ctx.clock.now())),
    }))
}

async fn patch_status(ctx: &Context, pod: &Pod, status: Value, what: &str) {
    let patch = Patch::Strategic(json!({ "status": status }));
    let written = ctx
        .objects::<Pod>()
        .patch_subresource(&key_of(pod), "status", &patch)
        .await;
    match written {
        Err(error) if !error.is_not_found() => tracing::warn!("{what}: {}", Chain(&error)),
        _ => {}
    }
}

/// A pod no longer counts on a node, since a more important one does.
pub(crate) async fn forget_nomination(ctx: &Context, pod: &Pod) {
    let status = json!({ "nominatedNodeName": null });
    patch_status(ctx, pod, status, "take back a nomination").await;
}

/// Makes a pod leave, gracefully, for a more important one.
pub(crate) async fn evict(ctx: &Context, victim: &Pod, preemptor: &Pod, node: &str) {
    if victim.metadata.deletion_timestamp.is_some() {
        return;
    }
    let condition = json!({"conditions": [{
        "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        "message": format!("{NAME}: preempting to accommodate a higher priority pod"),
        "lastTransitionTime": Time(ctx.clock.now()),
    }]});
    patch_status(ctx, victim, condition, "say why a pod is pushed aside").await;
    let deleted = ctx
        .objects::<Pod>()
        .delete_with(victim, DeleteParams::default())
        .await;
    if let Err(error) = deleted {
        tracing::warn!(pod = %key_of(victim), "push aside: {}", Chain(&error));
        return;
    }
    let uid = preemptor.metadata.uid.as_deref().unwrap_or_default();
    let text = format!("Preempted by pod {uid} on node {node}");
    let notice = Notice::normal("Preempted", text);
    ctx.recorder.publish(&victim.object_ref(&()), &notice).await;
}
