//! What a node says about itself.

use k8s_openapi::api::core::v1::Taint;

use super::Question;
use crate::terms::{node_matches, tolerates};

/// Cordoned, and the pod does not tolerate that.
pub(super) fn unschedulable(question: &Question<'_>, reasons: &mut Vec<String>) {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    if question.host.cordoned && !tolerates(&question.demand.tolerations, &taint) {
        reasons.push("node(s) were unschedulable".to_owned());
    }
}

/// A taint that the pod does not tolerate.
pub(super) fn taints(question: &Question<'_>, reasons: &mut Vec<String>) {
    let untolerated = question.host.taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !tolerates(&question.demand.tolerations, taint)
    });
    if let Some(taint) = untolerated {
        let value = taint.value.as_deref().unwrap_or_default();
        reasons.push(format!(
            "node(s) had untolerated taint {{{}: {value}}}",
            taint.key
        ));
    }
}

/// Labels that `nodeSelector` or the required node affinity ask for.
pub(super) fn affinity(question: &Question<'_>, reasons: &mut Vec<String>) {
    let Question {
        demand, host, name, ..
    } = question;
    let selected = demand
        .node_selector
        .iter()
        .all(|(label, value)| host.labels.get(label) == Some(value));
    let wanted = demand.node_terms.as_ref().is_none_or(|terms| {
        terms
            .iter()
            .any(|term| node_matches(term, name, &host.labels))
    });
    if !selected || !wanted {
        reasons.push("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
}
