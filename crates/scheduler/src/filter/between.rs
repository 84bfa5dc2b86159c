//! Constraints between pods: spreading, keeping apart, keeping near.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use kube::core::{Selector, SelectorExt};

use super::Question;
use crate::cluster::{Cluster, Host};
use crate::pod::Demand;
use crate::terms::{PodTerm, node_matches};

/// What is the same for every node: computed once for one pod.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// For each spread constraint that must hold, matching pods by value of its label.
    spread: Vec<BTreeMap<String, i64>>,
    /// Label values that the pod must keep away from: its own wish, or that of pods there.
    forbidden: BTreeSet<(String, String)>,
    /// For each affinity term, the label values where a matching pod is.
    near: Vec<BTreeSet<String>>,
}

impl Findings {
    pub(super) fn of(demand: &Demand, cluster: &Cluster) -> Self {
        Self {
            spread: hard(demand)
                .map(|constraint| counts(constraint, demand, cluster))
                .collect(),
            forbidden: forbidden(demand, cluster),
            near: demand
                .near
                .iter()
                .map(|term| values(term, cluster))
                .collect(),
        }
    }
}

fn hard(demand: &Demand) -> impl Iterator<Item = &TopologySpreadConstraint> {
    demand
        .spread
        .iter()
        .filter(|constraint| constraint.when_unsatisfiable != "ScheduleAnyway")
}

/// Matching pods by value of the constraint's label, over the nodes that the pod could use at all.
fn counts(
    constraint: &TopologySpreadConstraint,
    demand: &Demand,
    cluster: &Cluster,
) -> BTreeMap<String, i64> {
    let selector = selector(constraint);
    let mut counts = BTreeMap::new();
    for (name, host) in cluster
        .hosts()
        .filter(|(name, host)| is_eligible(demand, name, host))
    {
        let _ = name;
        if let Some(value) = host.labels.get(&constraint.topology_key) {
            *counts.entry(value.clone()).or_default() += matching(selector.as_ref(), demand, host);
        }
    }
    counts
}

fn is_eligible(demand: &Demand, name: &str, host: &Host) -> bool {
    demand
        .node_selector
        .iter()
        .all(|(label, value)| host.labels.get(label) == Some(value))
        && demand.node_terms.as_ref().is_none_or(|terms| {
            terms
                .iter()
                .any(|term| node_matches(term, name, &host.labels))
        })
}

fn selector(constraint: &TopologySpreadConstraint) -> Option<Selector> {
    constraint
        .label_selector
        .clone()
        .and_then(|selector| Selector::try_from(selector).ok())
}

fn matching(selector: Option<&Selector>, demand: &Demand, host: &Host) -> i64 {
    let Some(selector) = selector else { return 0 };
    let pods = host
        .pods
        .values()
        .filter(|pod| pod.namespace == demand.namespace && selector.matches(&pod.labels));
    pods.count() as i64
}

fn forbidden(demand: &Demand, cluster: &Cluster) -> BTreeSet<(String, String)> {
    let mut forbidden = BTreeSet::new();
    for term in &demand.apart {
        forbidden.extend(
            values(term, cluster)
                .into_iter()
                .map(|value| (term.topology.clone(), value)),
        );
    }
    if cluster.repelling == 0 {
        return forbidden;
    }
    for (_, host) in cluster.hosts() {
        for term in host.pods.values().flat_map(|pod| &pod.apart) {
            if let Some(value) = host.labels.get(&term.topology)
                && term.matches(&demand.namespace, &demand.labels)
            {
                forbidden.insert((term.topology.clone(), value.clone()));
            }
        }
    }
    forbidden
}

/// The values of the term's label on nodes where a pod matches the term.
fn values(term: &PodTerm, cluster: &Cluster) -> BTreeSet<String> {
    cluster
        .hosts()
        .filter(|(_, host)| {
            host.pods
                .values()
                .any(|pod| term.matches(&pod.namespace, &pod.labels))
        })
        .filter_map(|(_, host)| host.labels.get(&term.topology).cloned())
        .collect()
}

/// Spread constraints that must hold: no value may get more than `maxSkew` ahead of the least.
pub(super) fn spread(question: &Question<'_>, reasons: &mut Vec<String>) {
    for (constraint, counts) in hard(question.demand).zip(&question.between.spread) {
        let Some(value) = question.host.labels.get(&constraint.topology_key) else {
            let text =
                "node(s) didn't match pod topology spread constraints (missing required label)";
            reasons.push(text.to_owned());
            return;
        };
        let own =
            selector(constraint).is_some_and(|selector| selector.matches(&question.demand.labels));
        let domains = i64::try_from(counts.len()).unwrap_or(i64::MAX);
        let few = constraint
            .min_domains
            .is_some_and(|least| domains < i64::from(least));
        let least = if few {
            0
        } else {
            counts.values().copied().min().unwrap_or(0)
        };
        let here = counts.get(value).copied().unwrap_or(0);
        if here + i64::from(own) - least > i64::from(constraint.max_skew) {
            reasons.push("node(s) didn't match pod topology spread constraints".to_owned());
            return;
        }
    }
}

/// Pods that must not be together.
pub(super) fn apart(question: &Question<'_>, reasons: &mut Vec<String>) {
    let labels = &question.host.labels;
    let clash = question
        .between
        .forbidden
        .iter()
        .any(|(key, value)| labels.get(key) == Some(value));
    if clash {
        reasons.push("node(s) didn't match pod anti-affinity rules".to_owned());
    }
}

/// Pods that must be together. The first of a group that only wants its own kind goes anywhere.
pub(super) fn near(question: &Question<'_>, reasons: &mut Vec<String>) {
    let demand = question.demand;
    let nobody = question.between.near.iter().all(BTreeSet::is_empty);
    let first = nobody
        && demand
            .near
            .iter()
            .all(|term| term.matches(&demand.namespace, &demand.labels));
    let held = demand
        .near
        .iter()
        .zip(&question.between.near)
        .all(|(term, values)| {
            let value = question.host.labels.get(&term.topology);
            value.is_some_and(|value| first || values.contains(value))
        });
    if !held {
        reasons.push("node(s) didn't match pod affinity rules".to_owned());
    }
}

/// How many pods that the soft constraints mean are on the nodes of this host's value already.
pub(crate) fn crowding(demand: &Demand, host: &Host) -> i64 {
    demand
        .spread
        .iter()
        .filter(|constraint| host.labels.contains_key(&constraint.topology_key))
        .map(|constraint| matching(selector(constraint).as_ref(), demand, host))
        .sum()
}
