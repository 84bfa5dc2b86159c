//! Writes what was judged.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Resource;
use kube::api::Patch;
use seatrial_controller::{Cache, Chain, Context, Notice, key_of, write};
use serde_json::json;

use super::judge::Verdict;
use crate::pod;

/// A failure is told and left to the next look.
pub(super) async fn carry_out(node: &Node, verdict: &Verdict, pods: &Cache<Pod>, ctx: &Context) {
    if let Err(error) = write_node(node, verdict, ctx).await {
        if !error.is_not_found() {
            tracing::warn!(node = %key_of(node), "update the node: {}", Chain(&error));
        }
        return;
    }
    if !verdict.pods_unready {
        return;
    }
    let name = node.metadata.name.as_deref();
    for pod in pods.all() {
        let here = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == name;
        if here
            && pod::is_ready(&pod)
            && let Err(error) = unready(&pod, ctx).await
        {
            tracing::warn!(pod = %key_of(&*pod), "mark the pod not ready: {}", Chain(&error));
        }
    }
}

async fn write_node(node: &Node, verdict: &Verdict, ctx: &Context) -> Result<(), write::Error> {
    let nodes = ctx.objects::<Node>();
    let key = key_of(node);
    if !verdict.conditions.is_empty() {
        let patch = Patch::Strategic(json!({"status": {"conditions": verdict.conditions}}));
        nodes.patch_subresource(&key, "status", &patch).await?;
        let text = format!("Node {} status is now: NodeNotReady", key.name);
        let notice = Notice::normal("NodeNotReady", text);
        ctx.recorder.publish(&node.object_ref(&()), &notice).await;
    }
    if let Some(taints) = &verdict.taints {
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": verdict.conditions.is_empty()
                .then(|| node.metadata.resource_version.clone())},
            "spec": {"taints": taints},
        }));
        match nodes.patch(&key, &patch).await {
            // Somebody else changed it: the next look judges anew.
            Err(error) if error.is_conflict() => {}
            result => {
                result?;
            }
        }
    }
    Ok(())
}

async fn unready(pod: &Pod, ctx: &Context) -> Result<(), write::Error> {
    let condition = json!({"type": "Ready", "status": "False",
        "lastTransitionTime": k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(ctx.clock.now())});
    let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
    let pods = ctx.objects::<Pod>();
    match pods.patch_subresource(&key_of(pod), "status", &patch).await {
        Err(error) if error.is_not_found() => return Ok(()),
        result => result?,
    }
    let notice = Notice::warning("NodeNotReady", "Node is not ready");
    ctx.recorder.publish(&pod.object_ref(&()), &notice).await;
    Ok(())
}
