//! `binding`: the scheduler puts a pod on a node.

use axum::response::Response;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::{Object, timestamp};
use crate::reply;
use crate::verb::{Fixed, commit_update};

/// How often a binding is tried again when the pod changes meanwhile.
const ATTEMPTS: usize = 5;

pub(super) async fn create(call: &Call) -> Result<Response, Failure> {
    let binding = body::object(call)?;
    let node = binding.text(&["target", "name"]).to_owned();
    let name = call.name()?;
    if node.is_empty() {
        return Err(Failure::invalid(
            call.kind(),
            name,
            vec![Cause::required("target.name", "")],
        ));
    }
    for attempt in 1.. {
        let old = Fixed::load(call).await?;
        may_bind(call, &binding, &old)?;
        let mut pod = old.served(call).await?;
        pod.section("spec")
            .insert("nodeName".to_owned(), json!(node));
        if let Some(Value::Object(extra)) = binding.at(&["metadata", "annotations"]) {
            crate::object::section(pod.metadata(), "annotations").extend(extra.clone());
        }
        scheduled(&mut pod, &timestamp(call.state.now()));
        match commit_update(call, &old, pod, Vec::new()).await {
            Err(failure) if failure.reason == Reason::Conflict && attempt < ATTEMPTS => {}
            Err(failure) => return Err(failure),
            Ok(_) => return Ok(reply::created()),
        }
    }
    Err(Failure::modified(call.kind(), name))
}

/// A pod is bound once, and not while it goes.
fn may_bind(call: &Call, binding: &Object, old: &Fixed) -> Result<(), Failure> {
    let name = call.name()?;
    let (uid, node) = (binding.uid(), old.object.text(&["spec", "nodeName"]));
    let detail = if !uid.is_empty() && uid != old.object.uid() {
        format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            old.object.uid()
        )
    } else if old.object.deleting() {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if !node.is_empty() {
        format!("pod {name} is already assigned to node {node:?}")
    } else {
        return Ok(());
    };
    Err(Failure::conflict(call.kind(), name, &detail))
}

/// Sets the condition `PodScheduled`.
fn scheduled(pod: &mut Object, now: &str) {
    let conditions = pod
        .section("status")
        .entry("conditions")
        .or_insert_with(|| json!([]));
    let Value::Array(conditions) = conditions else {
        return;
    };
    conditions.retain(|condition| condition.get("type") != Some(&json!("PodScheduled")));
    conditions.push(json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": now,
    }));
}
