//! Selector terms: of nodes, and of pods on a topology.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, Taint, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// Pods in some namespaces, on one value of a node label.
#[derive(Debug, Clone)]
pub(crate) struct PodTerm {
    pub(crate) topology: String,
    selector: Option<Selector>,
    namespaces: Namespaces,
}

#[derive(Debug, Clone)]
enum Namespaces {
    All,
    Named(Vec<String>),
}

impl PodTerm {
    /// A term of a pod in `namespace`. Namespaces chosen by label are taken for all where the
    /// selector is empty, and for none of the unnamed otherwise.
    pub(crate) fn of(term: PodAffinityTerm, namespace: &str) -> Self {
        let everywhere = term.namespace_selector.as_ref().is_some_and(is_empty);
        let mut named = term.namespaces.unwrap_or_default();
        if named.is_empty() && term.namespace_selector.is_none() {
            named.push(namespace.to_owned());
        }
        Self {
            topology: term.topology_key,
            selector: term
                .label_selector
                .and_then(|selector| Selector::try_from(selector).ok()),
            namespaces: if everywhere {
                Namespaces::All
            } else {
                Namespaces::Named(named)
            },
        }
    }

    /// Whether a pod with these labels in this namespace is meant. No selector means no pod.
    pub(crate) fn matches(&self, namespace: &str, labels: &Labels) -> bool {
        let here = match &self.namespaces {
            Namespaces::All => true,
            Namespaces::Named(names) => names.iter().any(|name| name == namespace),
        };
        here && self
            .selector
            .as_ref()
            .is_some_and(|selector| selector.matches(labels))
    }
}

fn is_empty(selector: &LabelSelector) -> bool {
    selector
        .match_labels
        .as_ref()
        .is_none_or(BTreeMap::is_empty)
        && selector
            .match_expressions
            .as_ref()
            .is_none_or(Vec::is_empty)
}

/// Whether a node is meant by a term: all its requirements hold. An empty term means no node.
pub(crate) fn node_matches(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions
        .iter()
        .all(|wanted| holds(wanted, labels.get(&wanted.key).map(String::as_str)))
        && fields
            .iter()
            .all(|wanted| holds(wanted, (wanted.key == "metadata.name").then_some(name)))
}

fn holds(wanted: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = wanted.values.as_deref().unwrap_or_default();
    let contains = |value: &str| values.iter().any(|one| one == value);
    let number = |text: &str| text.parse::<i64>().ok();
    let compare = |than: fn(i64, i64) -> bool| {
        let bound = values.first().and_then(|bound| number(bound));
        value
            .and_then(number)
            .zip(bound)
            .is_some_and(|(value, bound)| than(value, bound))
    };
    match wanted.operator.as_str() {
        "In" => value.is_some_and(contains),
        "NotIn" => !value.is_some_and(contains),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|value, bound| value > bound),
        "Lt" => compare(|value, bound| value < bound),
        _ => false,
    }
}

/// Whether any toleration lets a taint pass.
pub(crate) fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let effect = set(&toleration.effect).is_none_or(|effect| effect == taint.effect);
        let key = set(&toleration.key).is_none_or(|key| key == taint.key);
        let value = match toleration.operator.as_deref() {
            Some("Exists") => true,
            _ => {
                set(&toleration.key).is_some()
                    && toleration.value.as_deref().unwrap_or("")
                        == taint.value.as_deref().unwrap_or("")
            }
        };
        effect && key && value
    })
}
