//! On which nodes a daemon runs, and how its pod is tied to one. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod,
    PodSpec, Toleration,
};

use crate::taint::{self, NO_EXECUTE, NO_SCHEDULE};

const NAME_FIELD: &str = "metadata.name";

/// Whether a node gets a pod, and whether one that is there may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) run: bool,
    pub(super) stay: bool,
}

/// What daemons tolerate without being asked: key, effect.
const TOLERATED: [(&str, &str); 6] = [
    (taint::NOT_READY, NO_EXECUTE),
    (taint::UNREACHABLE, NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
];

/// The tolerations of a daemon's pods: its own, and those that upstream adds.
fn tolerations(spec: &PodSpec) -> Vec<Toleration> {
    let mut all = spec.tolerations.clone().unwrap_or_default();
    let network = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE);
    let host_network = spec.host_network == Some(true);
    let added = TOLERATED.into_iter().chain(host_network.then_some(network));
    for (key, effect) in added {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        if !all.contains(&toleration) {
            all.push(toleration);
        }
    }
    all
}

/// Ties a pod to a node: any other requirement for the node is replaced, as upstream does, since the
/// set has judged it already.
pub(super) fn tie(spec: &mut PodSpec, node: &str) {
    spec.tolerations = Some(tolerations(spec));
    let requirement = NodeSelectorRequirement {
        key: NAME_FIELD.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm {
        match_expressions: None,
        match_fields: Some(vec![requirement]),
    };
    let affinity = spec.affinity.get_or_insert_with(Affinity::default);
    let affinity = affinity
        .node_affinity
        .get_or_insert_with(NodeAffinity::default);
    affinity.required_during_scheduling_ignored_during_execution = Some(NodeSelector {
        node_selector_terms: vec![term],
    });
}

/// The node that a pod is on, or is meant for.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return Some(node);
    }
    let required = required(spec)?;
    let fields = required
        .node_selector_terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten());
    let named = fields.filter(|field| field.key == NAME_FIELD && field.operator == "In");
    named
        .filter_map(|field| field.values.as_deref()?.first())
        .map(String::as_str)
        .next()
}

fn required(spec: &PodSpec) -> Option<&NodeSelector> {
    spec.affinity
        .as_ref()?
        .node_affinity
        .as_ref()?
        .required_during_scheduling_ignored_during_execution
        .as_ref()
}

/// Whether a pod of this template runs on the node.
pub(super) fn judge(template: &PodSpec, node: &Node) -> Verdict {
    let no = Verdict {
        run: false,
        stay: false,
    };
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let named = template
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty());
    if named.is_some_and(|named| named != name) || !fits(template, node) {
        return no;
    }
    let tolerations = tolerations(template);
    let untolerated = |effect: &str| {
        taint::of(node)
            .iter()
            .any(|one| one.effect == effect && !taint::tolerates(&tolerations, one))
    };
    let stay = !untolerated(NO_EXECUTE);
    Verdict {
        run: stay && !untolerated(NO_SCHEDULE),
        stay,
    }
}

/// Whether node selector and required node affinity hold.
fn fits(template: &PodSpec, node: &Node) -> bool {
    let nothing = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&nothing);
    let selector = template.node_selector.as_ref().unwrap_or(&nothing);
    if selector
        .iter()
        .any(|(name, value)| labels.get(name) != Some(value))
    {
        return false;
    }
    let Some(required) = required(template) else {
        return true;
    };
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let fields = BTreeMap::from([(NAME_FIELD.to_owned(), name.to_owned())]);
    required.node_selector_terms.iter().any(|term| {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let on_fields = term.match_fields.as_deref().unwrap_or_default();
        // A term that asks nothing matches nothing.
        !(expressions.is_empty() && on_fields.is_empty())
            && expressions.iter().all(|one| holds(one, labels))
            && on_fields.iter().all(|one| holds(one, &fields))
    })
}

pub(crate) fn holds(
    requirement: &NodeSelectorRequirement,
    labels: &BTreeMap<String, String>,
) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
    let compare = |right: fn(i64, i64) -> bool| {
        number(value)
            .zip(number(values.first()))
            .is_some_and(|(has, asked)| right(has, asked))
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|has, asked| has > asked),
        "Lt" => compare(|has, asked| has < asked),
        _ => false,
    }
}
