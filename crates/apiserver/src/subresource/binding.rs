//! `binding`: the scheduler puts a pod on a node.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::timestamp;
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
        let old = Fixed::load(call)?;
        let uid = binding.uid();
        if !uid.is_empty() && uid != old.object.uid() {
            let detail = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                old.object.uid()
            );
            return Err(Failure::conflict(call.kind(), name, &detail));
        }
        if old.object.deleting() {
            let detail = format!("pod {name} is being deleted, cannot be assigned to a host");
            return Err(Failure::conflict(call.kind(), name, &detail));
        }
        let present = old.object.text(&["spec", "nodeName"]);
        if !present.is_empty() {
            let detail = format!("pod {name} is already assigned to node {present:?}");
            return Err(Failure::conflict(call.kind(), name, &detail));
        }
        let mut pod = old.served(call);
        pod.section("spec")
            .insert("nodeName".to_owned(), json!(node));
        if let Some(Value::Object(extra)) = binding.at(&["metadata", "annotations"]) {
            crate::object::section(pod.metadata(), "annotations").extend(extra.clone());
        }
        scheduled(&mut pod, &timestamp(call.state.now()));
        match commit_update(call, &old, pod, Vec::new()).await {
            Err(failure) if failure.reason == Reason::Conflict && attempt < ATTEMPTS => {}
            Err(failure) => return Err(failure),
            Ok(_) => {
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "code": 201,
                });
                return Ok(reply::json(StatusCode::CREATED, status.to_string()));
            }
        }
    }
    Err(Failure::modified(call.kind(), name))
}

/// Sets the condition `PodScheduled`.
fn scheduled(pod: &mut crate::object::Object, now: &str) {
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
