//! What a node says about itself.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, Taint};

use super::Question;
use crate::cluster::Host;
use crate::pod::Demand;
use crate::reason::{Reason, Rejection};
use crate::terms::repelling;
use seatrial_resources::placement;

/// The taint that a cordoned node counts as having.
static CORDON: LazyLock<Taint> = LazyLock::new(|| Taint {
    key: "node.kubernetes.io/unschedulable".to_owned(),
    effect: "NoSchedule".to_owned(),
    ..Taint::default()
});

/// Cordoned, and the pod does not tolerate that.
pub(super) fn unschedulable(question: &Question<'_>) -> Option<Rejection> {
    let kept_off =
        question.host.cordoned && !placement::tolerates(&question.demand.tolerations, &CORDON);
    kept_off.then(|| Rejection::lasting(Reason::Cordoned))
}

/// A taint that the pod does not tolerate.
pub(super) fn taints(question: &Question<'_>) -> Option<Rejection> {
    let taint = repelling(&question.demand.tolerations, &question.host.taints)?;
    Some(Rejection::lasting(Reason::Taint {
        key: taint.key.clone(),
        value: taint.value.clone().unwrap_or_default(),
    }))
}

/// Labels that `nodeSelector` or the required node affinity ask for.
pub(super) fn affinity(question: &Question<'_>) -> Option<Rejection> {
    let does = is_eligible(question.demand, question.host);
    (!does).then(|| Rejection::lasting(Reason::NodeAffinity))
}

/// Whether the node's labels and name are what the pod asks for.
pub(crate) fn is_eligible(demand: &Demand, host: &Host) -> bool {
    let selected = demand
        .node_selector
        .iter()
        .all(|(label, value)| host.labels.get(label) == Some(value));
    selected
        && demand.node_terms.as_ref().is_none_or(|terms| {
            terms
                .iter()
                .any(|term| placement::means(term, &host.name, &host.labels))
        })
}

/// The nodes that the pod's required affinity names, where every one of its terms names some.
pub(crate) fn named_nodes(demand: &Demand) -> Option<BTreeSet<&str>> {
    let terms = demand.node_terms.as_ref()?;
    let mut names = BTreeSet::new();
    for term in terms {
        names.extend(named_by(term)?);
    }
    Some(names)
}

fn named_by(term: &NodeSelectorTerm) -> Option<BTreeSet<&str>> {
    let fields = term.match_fields.iter().flatten();
    let mut wanted = fields
        .filter(|field| field.key == "metadata.name" && field.operator == "In")
        .map(values);
    let first = wanted.next()?;
    Some(wanted.fold(first, |names, more| &names & &more))
}

fn values(field: &NodeSelectorRequirement) -> BTreeSet<&str> {
    field.values.iter().flatten().map(String::as_str).collect()
}
