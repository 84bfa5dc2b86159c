//! NodeRestriction: of the objects that nodes may change, each changes its own.

use async_trait::async_trait;
use serde_json::Value;

use crate::admission::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

/// Upstream's mark of pods that stand for what a node runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// The step of the admission chain.
pub(crate) struct NodeRestriction;

#[async_trait]
impl Admission for NodeRestriction {
    fn handles(&self, change: &Change<'_>) -> bool {
        matches!(change.kind.plural.as_str(), "pods" | "nodes")
            && change.kind.group.is_empty()
            && change.identity.node_name().is_some()
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let Some(node) = change.identity.node_name() else {
            return Ok(());
        };
        let wrong = match change.kind.plural.as_str() {
            "nodes" => wrong_with_node(change, node),
            _ => wrong_with_pod(change, node, object),
        };
        match wrong {
            Some(detail) => Err(change.forbidden(&detail)),
            None => Ok(()),
        }
    }
}

fn wrong_with_node(change: &Change<'_>, node: &str) -> Option<String> {
    if change.operation == Operation::Delete {
        return Some(format!("node {node:?} is not allowed to delete nodes"));
    }
    let own = change.name == node;
    (!own).then(|| {
        format!(
            "node {node:?} is not allowed to modify node {:?}",
            change.name
        )
    })
}

fn wrong_with_pod(change: &Change<'_>, node: &str, object: &Object) -> Option<String> {
    let on = |pod: &Object| pod.text(&["spec", "nodeName"]) == node;
    let here = change.old.map_or_else(|| on(object), on);
    match (change.operation, change.subresource) {
        (Operation::Create, "") => {
            let annotations = object
                .at(&["metadata", "annotations"])
                .and_then(Value::as_object);
            if !annotations.is_some_and(|all| all.contains_key(MIRROR)) {
                return Some(format!(
                    "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
                ));
            }
            (!on(object)).then(|| {
                format!("node {node:?} can only create pods with spec.nodeName set to itself")
            })
        }
        (Operation::Delete, _) => (!here).then(|| {
            format!("node {node:?} can only delete pods with spec.nodeName set to itself")
        }),
        (Operation::Update, "status") => (!here).then(|| {
            format!(
                "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
            )
        }),
        (Operation::Update | Operation::Connect, _) if here => None,
        (_, part) => Some(format!(
            "node {node:?} cannot change {part:?} of pods that run elsewhere"
        )),
    }
}
