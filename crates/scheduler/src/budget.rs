//! Disruption budgets: which pods had better not be pushed aside. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use seatrial_controller::ObjectKey;

use crate::preempt::Victim;
use crate::query::Selection;

/// A disruption budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    namespace: String,
    selection: Selection,
    /// How many more pods may go.
    allowed: i64,
    /// Pods whose going is counted already.
    disrupted: BTreeSet<String>,
}

impl Budget {
    /// A budget without a selector, or with an empty one, is about no pod.
    pub(crate) fn of(budget: &PodDisruptionBudget) -> Option<Self> {
        let selector = budget.spec.as_ref()?.selector.clone()?;
        let selection = Selection::of(selector);
        let status = budget.status.as_ref();
        let disrupted = status.and_then(|status| status.disrupted_pods.clone());
        (!selection.is_empty()).then(|| Self {
            namespace: budget.metadata.namespace.clone().unwrap_or_default(),
            selection,
            allowed: status.map_or(0, |status| i64::from(status.disruptions_allowed)),
            disrupted: disrupted
                .map(BTreeMap::into_keys)
                .into_iter()
                .flatten()
                .collect(),
        })
    }
}

/// Those of the pods whose going would break a budget, where they go in this order.
pub(crate) fn protected(pods: &[Victim], budgets: &[Budget]) -> BTreeSet<ObjectKey> {
    let mut left: Vec<i64> = budgets.iter().map(|budget| budget.allowed).collect();
    let mut protected = BTreeSet::new();
    for (key, pod) in pods.iter().filter(|(_, pod)| !pod.labels.is_empty()) {
        for (budget, left) in budgets.iter().zip(&mut left) {
            if budget.namespace == pod.namespace
                && budget.selection.matches(&pod.labels)
                && !budget.disrupted.contains(&pod.name)
            {
                *left -= 1;
                if *left < 0 {
                    protected.insert(key.clone());
                }
            }
        }
    }
    protected
}
