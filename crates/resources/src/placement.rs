//! What pods ask of nodes, and nodes of pods: selector terms, taints and tolerations. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration};

/// Whether a term means a node of this name with these labels: all its requirements hold. An empty term means no node.
pub fn means(term: &NodeSelectorTerm, name: &str, labels: &BTreeMap<String, String>) -> bool {
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
pub fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations
        .iter()
        .any(|toleration| covers(toleration, taint))
}

/// Whether this toleration covers the taint. No key means every key, no effect every effect.
pub fn covers(toleration: &Toleration, taint: &Taint) -> bool {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_term_means_nodes_for_which_all_of_it_holds() {
        let labels = BTreeMap::from([
            ("zone".to_owned(), "a".to_owned()),
            ("cores".to_owned(), "8".to_owned()),
        ]);
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        let named =
            |name: &str| json!({"matchFields": [expression("metadata.name", "In", &[name])]});
        let labelled = |terms: &[Value]| json!({"matchExpressions": terms});
        for (term, expected) in [
            (json!({}), false),
            (named("n1"), true),
            (named("n2"), false),
            (labelled(&[expression("zone", "In", &["a", "b"])]), true),
            (labelled(&[expression("zone", "NotIn", &["a"])]), false),
            (labelled(&[expression("rack", "NotIn", &["a"])]), true),
            (labelled(&[expression("rack", "DoesNotExist", &[])]), true),
            (
                labelled(&[
                    expression("zone", "Exists", &[]),
                    expression("cores", "Gt", &["7"]),
                ]),
                true,
            ),
            (labelled(&[expression("cores", "Lt", &["8"])]), false),
            (labelled(&[expression("cores", "Lt", &["many"])]), false),
            (labelled(&[expression("zone", "Like", &["a"])]), false),
        ] {
            let shown = term.to_string();
            let term = serde_json::from_value(term).unwrap();
            assert_eq!(means(&term, "n1", &labels), expected, "{shown}");
        }
    }

    #[test]
    fn keys_effects_and_values_must_agree() {
        let taint = |text: &str| -> Taint {
            let words: Vec<_> = text.split(' ').collect();
            Taint {
                key: words[0].to_owned(),
                value: Some(words[1].to_owned()).filter(|value| value != "-"),
                effect: words[2].to_owned(),
                time_added: None,
            }
        };
        for (one, text, expected) in [
            (json!({"operator": "Exists"}), "a - NoExecute", true),
            (
                json!({"key": "a", "operator": "Exists"}),
                "a x NoSchedule",
                true,
            ),
            (
                json!({"key": "b", "operator": "Exists"}),
                "a x NoSchedule",
                false,
            ),
            (json!({"key": "a", "value": "x"}), "a x NoSchedule", true),
            (json!({"key": "a", "value": "y"}), "a x NoSchedule", false),
            (
                json!({"key": "a", "effect": "NoExecute", "operator": "Exists"}),
                "a x NoSchedule",
                false,
            ),
            (
                json!({"key": "a", "operator": "Like"}),
                "a - NoSchedule",
                false,
            ),
            (json!({}), "a - NoSchedule", false),
        ] {
            let toleration = serde_json::from_value(one.clone()).unwrap();
            assert_eq!(covers(&toleration, &taint(text)), expected, "{one} {text}");
        }
    }
}
