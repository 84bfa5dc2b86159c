//! What other pods draw this one to, and push it from.

use std::sync::Arc;

use super::{Candidate, FULL};
use crate::cluster::{Cluster, Domains};
use crate::pod::{Demand, Wished};

/// The weights of label values, for this pod.
pub(super) struct Draw(Vec<(Arc<Domains>, Vec<i64>)>);

impl Draw {
    pub(super) fn of(demand: &Demand, cluster: &mut Cluster) -> Self {
        let mut draws = Vec::new();
        for (label, query, weight) in &demand.between.preferred {
            let counts = cluster.matching(query);
            let domains = cluster.domains(label);
            let sums = domains.sum(&counts).into_iter();
            draws.push((domains, sums.map(|sum| sum * weight).collect()));
        }
        let home = cluster.labels_of(&demand.namespace);
        let mut wishes = Vec::new();
        for (wish, counts) in cluster.wishes() {
            if let Wished::Weighed(weight) = wish.wished
                && wish.term.matches(demand, home)
            {
                wishes.push((wish.topology.clone(), counts.to_vec(), weight));
            }
        }
        for (label, counts, weight) in wishes {
            let domains = cluster.domains(&label);
            let sums = domains.sum(&counts).into_iter();
            draws.push((domains, sums.map(|sum| sum * weight).collect()));
        }
        Self(draws)
    }

    pub(super) fn scores(&self, candidates: &[Candidate<'_>]) -> Option<Vec<i64>> {
        if self.0.is_empty() {
            return None;
        }
        let weight = |slot: usize| -> i64 {
            let of = |(domains, sums): &(Arc<Domains>, Vec<i64>)| {
                domains.get(slot).map_or(0, |domain| sums[domain])
            };
            self.0.iter().map(of).sum()
        };
        let weights: Vec<_> = candidates.iter().map(|(slot, _)| weight(*slot)).collect();
        let least = weights.iter().copied().min().unwrap_or(0);
        let range = weights.iter().copied().max().unwrap_or(0) - least;
        let scaled = |weight: i64| {
            if range == 0 {
                0
            } else {
                FULL * (weight - least) / range
            }
        };
        Some(weights.into_iter().map(scaled).collect())
    }
}
