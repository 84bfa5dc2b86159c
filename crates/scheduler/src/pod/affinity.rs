//! What a pod asks of other pods, and what it means for those that come after it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodAffinity, PodAffinityTerm, PodAntiAffinity};

use crate::query::{Labels, Leaving, PodQuery, PodTerm};

/// How much a placed pod's required affinity draws pods that it means (upstream's
/// `hardPodAffinityWeight`).
const DRAW: i64 = 1;

/// The affinity terms of a pod that is to be placed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Near {
    /// Label keys: on each, a pod that matches all the terms must be on the same value.
    pub(crate) near: Vec<String>,
    /// The pods that are meant by all terms of `near` together.
    pub(crate) company: Option<Arc<PodQuery>>,
    /// By label key, pods that must not be on the same value.
    pub(crate) apart: Vec<(String, Arc<PodQuery>)>,
    /// By label key, pods that had better (or, with a negative weight, not) be on the same value.
    pub(crate) preferred: Vec<(String, Arc<PodQuery>, i64)>,
}

/// What a placed pod means for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wished {
    /// Those that match stay away.
    Apart,
    /// Those that match had better come (or, with a negative weight, not).
    Weighed(i64),
}

/// A wish of placed pods: which pods, and on which label of the node. Equal wishes are counted
/// together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    pub(crate) wished: Wished,
    pub(crate) topology: String,
    pub(crate) term: PodTerm,
}

pub(super) fn read(
    (near, apart): (PodAffinity, PodAntiAffinity),
    namespace: &str,
    labels: &Labels,
) -> (Near, Vec<Arc<Wish>>) {
    let mut between = Near::default();
    let mut wishes = Vec::new();
    let read = |term: PodAffinityTerm| {
        let topology = term.topology_key.clone();
        (topology, PodTerm::of(term, namespace, labels))
    };
    let mut wish = |wished, topology: &str, term: PodTerm| {
        let topology = topology.to_owned();
        wishes.push(Arc::new(Wish {
            wished,
            topology,
            term,
        }));
    };
    let mut company = Vec::new();
    let required = near.required_during_scheduling_ignored_during_execution;
    for (topology, term) in required.into_iter().flatten().map(read) {
        wish(Wished::Weighed(DRAW), &topology, term.clone());
        company.push(term);
        between.near.push(topology);
    }
    if !company.is_empty() {
        between.company = Some(query(company));
    }
    let required = apart.required_during_scheduling_ignored_during_execution;
    for (topology, term) in required.into_iter().flatten().map(read) {
        wish(Wished::Apart, &topology, term.clone());
        between.apart.push((topology, query(vec![term])));
    }
    let near = near.preferred_during_scheduling_ignored_during_execution;
    let apart = apart.preferred_during_scheduling_ignored_during_execution;
    let near = near.into_iter().flatten().map(|one| (one, 1));
    let apart = apart.into_iter().flatten().map(|one| (one, -1));
    for (weighted, sign) in near.chain(apart) {
        let weight = i64::from(weighted.weight) * sign;
        let (topology, term) = read(weighted.pod_affinity_term);
        wish(Wished::Weighed(weight), &topology, term.clone());
        between
            .preferred
            .push((topology, query(vec![term]), weight));
    }
    (between, wishes)
}

fn query(terms: Vec<PodTerm>) -> Arc<PodQuery> {
    Arc::new(PodQuery {
        terms,
        leaving: Leaving::Counted,
    })
}
