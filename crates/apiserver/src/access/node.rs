//! What the agent of a node may do: what is the business of that node and of the pods on it.

mod reference;
mod restriction;

use seatrial_store::Page;
use serde_json::Value;

use super::{Asked, Attributes};
use crate::object::Object;
use crate::state::State;
use reference::{Referred, refers};

pub(crate) use restriction::NodeRestriction;

/// Whether the node may do what is asked.
///
/// # Errors
/// Why not, in upstream's words where it has some.
pub(super) fn decide(state: &State, node: &str, asked: &Asked<'_>) -> Result<(), String> {
    let by_rules = |state: &State| {
        let allowed = state
            .access
            .node_rules()
            .iter()
            .any(|rule| rule.allows(asked));
        if allowed { Ok(()) } else { Err(String::new()) }
    };
    let Asked::Object(about) = asked else {
        return by_rules(state);
    };
    match (&*about.group, &*about.resource, &*about.subresource) {
        ("", "secrets", "") => by_reference(state, node, about, Referred::Secret),
        ("", "configmaps", "") => by_reference(state, node, about, Referred::ConfigMap),
        ("", "persistentvolumeclaims", "" | "status") => {
            by_rules(state)?;
            by_reference(state, node, about, Referred::Claim)
        }
        ("", "serviceaccounts", "token") => {
            by_rules(state)?;
            by_reference(state, node, about, Referred::Account)
        }
        ("coordination.k8s.io", "leases", _) => {
            by_rules(state)?;
            own(node, about, "kube-node-lease")
        }
        ("storage.k8s.io", "csinodes", _) => {
            by_rules(state)?;
            own(node, about, "")
        }
        _ => by_rules(state),
    }
}

/// Objects that bear the name of the node.
fn own(node: &str, asked: &Attributes<'_>, namespace: &str) -> Result<(), String> {
    let new = asked.verb == "create" && asked.name.is_empty();
    if asked.namespace == namespace && (new || asked.name == node) {
        return Ok(());
    }
    let plural = &asked.resource;
    Err(format!(
        "can only access {plural} with the same name as the requesting node"
    ))
}

/// Objects that a pod on the node refers to.
fn by_reference(
    state: &State,
    node: &str,
    asked: &Attributes<'_>,
    what: Referred,
) -> Result<(), String> {
    let reading = matches!(&*asked.verb, "get" | "list" | "watch");
    if !reading && matches!(what, Referred::Secret | Referred::ConfigMap) {
        return Err("can only read resources of this type".to_owned());
    }
    if asked.name.is_empty() {
        return Err("No Object name found".to_owned());
    }
    let page = Page {
        namespace: Some(&asked.namespace),
        ..Page::default()
    };
    let pods = state
        .store
        .list("pods", &page)
        .map_err(|error| error.to_string())?;
    let mut here = pods
        .records
        .iter()
        .filter(|pod| is_on(&pod.metadata, node))
        .filter_map(|pod| Object::decode(&pod.bytes).ok());
    if here.any(|pod| refers(&pod, what, &asked.name)) {
        return Ok(());
    }
    Err(format!(
        "no relationship found between node '{node}' and this object"
    ))
}

fn is_on(pod: &seatrial_store::Metadata, node: &str) -> bool {
    pod.fields.get("spec.nodeName").is_some_and(|on| on == node)
}

/// The names under `path` in each item of the lists at `lists`.
fn items<'a>(object: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    let items = object.get(list).and_then(Value::as_array);
    items.into_iter().flatten()
}
