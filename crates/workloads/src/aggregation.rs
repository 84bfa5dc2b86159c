//! ClusterRoles that take their rules from others: `aggregationRule` says from which, by label.
//!
//! Flow: a ClusterRole with an `aggregationRule` is read again whenever any ClusterRole changes → the
//! rules of all that match, in the order of their names, each once → `rules`, where they differ.

use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::Patch;
use kube::core::{Selector, SelectorExt as _};
use seatrial_controller::{
    Class, Classify, Context, ObjectKey, Outcome, Reconciler, Watches, key_of, write,
};
use serde_json::json;

/// The controller.
#[derive(Debug, Default)]
pub struct AggregatedRoles {
    /// Every role that takes rules from others.
    known: Arc<Mutex<std::collections::BTreeSet<ObjectKey>>>,
}

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A selector is none.
    #[error("read the selectors of the aggregation rule")]
    Select(#[source] kube::core::ParseExpressionError),
    /// The rules could not be written.
    #[error("write the rules")]
    Write(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Select(_) => Class::Terminal,
            Self::Write(_) => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        "FailedAggregation"
    }
}

impl Reconciler for AggregatedRoles {
    const NAME: &'static str = "clusterrole-aggregation-controller";
    type Object = ClusterRole;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<ClusterRole>) {
        let known = Arc::clone(&self.known);
        watches.mapped::<ClusterRole, _>(move |role, _| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if role.aggregation_rule.is_some() {
                known.insert(key_of(role));
            }
            known.iter().cloned().collect()
        });
    }

    async fn reconcile(&self, role: Arc<ClusterRole>, ctx: &Context) -> Result<Outcome, Error> {
        let Some(aggregation) = &role.aggregation_rule else {
            return Ok(Outcome::settled());
        };
        let selectors = aggregation
            .cluster_role_selectors
            .as_deref()
            .unwrap_or_default();
        let roles = ctx.cache::<ClusterRole>().await.all();
        let rules = aggregated(&role, selectors, &roles)?;
        if rules != role.rules.clone().unwrap_or_default() {
            let patch = Patch::Merge(json!({ "rules": rules }));
            let written = ctx
                .objects::<ClusterRole>()
                .patch(&key_of(&*role), &patch)
                .await;
            if let Err(error) = written
                && !error.is_not_found()
            {
                return Err(Error::Write(error));
            }
        }
        Ok(Outcome::settled())
    }
}

/// The rules of all roles that match one of the selectors, but of the role itself.
fn aggregated(
    own: &ClusterRole,
    selectors: &[LabelSelector],
    roles: &[Arc<ClusterRole>],
) -> Result<Vec<PolicyRule>, Error> {
    let selectors = selectors
        .iter()
        .map(|selector| Selector::try_from(selector.clone()).map_err(Error::Select))
        .collect::<Result<Vec<_>, _>>()?;
    let none = std::collections::BTreeMap::new();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for role in roles
        .iter()
        .filter(|role| role.metadata.name != own.metadata.name)
    {
        let labels = role.metadata.labels.as_ref().unwrap_or(&none);
        if !selectors.iter().any(|selector| selector.matches(labels)) {
            continue;
        }
        for rule in role.rules.as_deref().unwrap_or_default() {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, label: &str, verbs: &[&str]) -> Arc<ClusterRole> {
        let rules: Vec<_> = verbs
            .iter()
            .map(|verb| json!({ "verbs": [verb] }))
            .collect();
        let role = json!({
            "metadata": { "name": name, "labels": { label: "true" } },
            "rules": rules,
        });
        Arc::new(serde_json::from_value(role).unwrap())
    }

    #[test]
    fn rules_come_from_every_role_that_matches_once_and_not_from_itself() {
        let roles = [
            role("a", "to-view", &["get", "list"]),
            role("b", "to-edit", &["create"]),
            role("c", "to-view", &["list", "watch"]),
            role("view", "to-view", &["delete"]),
        ];
        let selector = LabelSelector {
            match_labels: Some([("to-view".to_owned(), "true".to_owned())].into()),
            ..LabelSelector::default()
        };
        let rules = aggregated(&roles[3], &[selector], &roles).unwrap();
        let verbs: Vec<_> = rules.iter().map(|rule| rule.verbs[0].as_str()).collect();
        assert_eq!(verbs, ["get", "list", "watch"]);
    }
}
