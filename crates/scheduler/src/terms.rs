//! What is asked of nodes: selector terms, taints and tolerations.

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration};

use crate::query::Labels;

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
    tolerations
        .iter()
        .any(|toleration| lets_pass(toleration, taint))
}

fn lets_pass(toleration: &Toleration, taint: &Taint) -> bool {
    let set = |text: &'_ Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let effect = !set(&toleration.effect) || toleration.effect.as_deref() == Some(&taint.effect);
    let key = !set(&toleration.key) || toleration.key.as_deref() == Some(&taint.key);
    let value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            set(&toleration.key)
                && toleration.value.as_deref().unwrap_or("") == taint.value.as_deref().unwrap_or("")
        }
        Some(_) => false,
    };
    effect && key && value
}

/// The first taint that keeps a pod with these tolerations off a node.
pub(crate) fn repelling<'a>(tolerations: &[Toleration], taints: &'a [Taint]) -> Option<&'a Taint> {
    taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !tolerates(tolerations, taint)
    })
}
