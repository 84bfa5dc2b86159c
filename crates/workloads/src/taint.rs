//! Taints of nodes and what tolerates them. Pure.

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};

/// The taint of a node whose `Ready` condition is false.
pub(crate) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of a node that nobody has heard of for too long.
pub(crate) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
pub(crate) const NO_EXECUTE: &str = "NoExecute";
pub(crate) const NO_SCHEDULE: &str = "NoSchedule";

/// The taints of a node.
pub(crate) fn of(node: &Node) -> &[Taint] {
    let spec = node.spec.as_ref();
    spec.and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default()
}

/// What a pod tolerates.
pub(crate) fn tolerations(pod: &Pod) -> &[Toleration] {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default()
}

/// Whether this toleration covers the taint. No key means every key, no effect every effect.
pub(crate) fn covers(toleration: &Toleration, taint: &Taint) -> bool {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if some(&toleration.effect).is_some_and(|effect| effect != taint.effect) {
        return false;
    }
    if some(&toleration.key).is_some_and(|key| key != taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        _ => {
            some(&toleration.key).is_some()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
    }
}

/// Whether any of them covers it.
pub(crate) fn is_tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|one| covers(one, taint))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let toleration = |value: serde_json::Value| serde_json::from_value(value).unwrap();
        let table = [
            (
                serde_json::json!({"operator": "Exists"}),
                "a - NoExecute",
                true,
            ),
            (
                serde_json::json!({"key": "a", "operator": "Exists"}),
                "a x NoSchedule",
                true,
            ),
            (
                serde_json::json!({"key": "b", "operator": "Exists"}),
                "a x NoSchedule",
                false,
            ),
            (
                serde_json::json!({"key": "a", "value": "x"}),
                "a x NoSchedule",
                true,
            ),
            (
                serde_json::json!({"key": "a", "value": "y"}),
                "a x NoSchedule",
                false,
            ),
            (
                serde_json::json!({"key": "a", "effect": "NoExecute", "operator": "Exists"}),
                "a x NoSchedule",
                false,
            ),
            (serde_json::json!({}), "a - NoSchedule", false),
        ];
        for (one, text, expected) in table {
            assert_eq!(
                covers(&toleration(one.clone()), &taint(text)),
                expected,
                "{one} {text}"
            );
        }
    }
}
