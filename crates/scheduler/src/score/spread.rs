//! Spread constraints that should hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Candidate, FULL};
use crate::cluster::{Cluster, Domains};
use crate::filter::counts_for;
use crate::pod::Demand;
use crate::spread::{Constraint, Force};

/// A label under which every node is its own value: counted on the node alone.
const HOSTNAME: &str = "kubernetes.io/hostname";

struct Counted<'a> {
    constraint: &'a Constraint,
    domains: Arc<Domains>,
    /// Matching pods by slot.
    pods: Arc<Vec<i64>>,
}

/// The constraints of one pod that do not have to hold.
pub(super) struct Soft<'a>(Vec<Counted<'a>>);

impl<'a> Soft<'a> {
    /// The pod's own, or the scheduler's defaults where it has none at all.
    pub(super) fn of(
        demand: &'a Demand,
        defaults: &'a [Constraint],
        cluster: &mut Cluster,
    ) -> Self {
        let constraints = if demand.spread.is_empty() {
            defaults
        } else {
            &demand.spread
        };
        let soft = constraints
            .iter()
            .filter(|constraint| constraint.force != Force::Must);
        Self(
            soft.map(|constraint| Counted {
                constraint,
                domains: cluster.domains(&constraint.topology),
                pods: cluster.matching(&constraint.query),
            })
            .collect(),
        )
    }

    /// Whether a node takes part: with the pod's own constraints it needs all their labels.
    fn takes_part(&self, slot: usize) -> bool {
        self.0.iter().all(|counted| {
            counted.constraint.force == Force::Default || counted.domains.get(slot).is_some()
        })
    }

    pub(super) fn scores(
        &self,
        demand: &Demand,
        candidates: &[Candidate<'_>],
        cluster: &Cluster,
    ) -> Option<Vec<i64>> {
        if self.0.is_empty() {
            return None;
        }
        let part: Vec<bool> = candidates
            .iter()
            .map(|(slot, _)| self.takes_part(*slot))
            .collect();
        let mut scores = vec![0.0_f64; candidates.len()];
        for counted in &self.0 {
            self.add(counted, demand, (candidates, &part), cluster, &mut scores);
        }
        Some(normalised(&scores, &part))
    }

    fn add(
        &self,
        counted: &Counted<'_>,
        demand: &Demand,
        (candidates, part): (&[Candidate<'_>], &[bool]),
        cluster: &Cluster,
        scores: &mut [f64],
    ) {
        let own = counted.constraint.topology == HOSTNAME;
        let sums = if own {
            Vec::new()
        } else {
            self.sums(counted, demand, cluster)
        };
        let partaking = candidates.iter().zip(part).filter(|(_, part)| **part);
        let size = if own {
            partaking.count()
        } else {
            let values = partaking.filter_map(|((slot, _), _)| counted.domains.get(*slot));
            values.collect::<BTreeSet<_>>().len()
        };
        if size == 0 {
            return;
        }
        // Many values make one pod more on one of them matter more.
        let weight = ((size + 2) as f64).ln();
        for (((slot, _), part), score) in candidates.iter().zip(part).zip(scores) {
            let Some(domain) = counted.domains.get(*slot).filter(|_| *part) else {
                continue;
            };
            let pods = if own {
                counted.pods.get(*slot).copied().unwrap_or(0)
            } else {
                sums[domain]
            };
            *score += pods as f64 * weight + (counted.constraint.most - 1) as f64;
        }
    }

    /// Matching pods by value, over the nodes that count.
    fn sums(&self, counted: &Counted<'_>, demand: &Demand, cluster: &Cluster) -> Vec<i64> {
        let mut sums = vec![0; counted.domains.count];
        for (slot, pods) in counted
            .pods
            .iter()
            .enumerate()
            .filter(|(_, pods)| **pods > 0)
        {
            if let Some(domain) = counted.domains.get(slot)
                && let Some(host) = cluster.host(slot)
                && self.takes_part(slot)
                && counts_for(counted.constraint, demand, host)
            {
                sums[domain] += pods;
            }
        }
        sums
    }
}

/// The fewer the better: the fullest value gets what the emptiest is short of.
fn normalised(scores: &[f64], part: &[bool]) -> Vec<i64> {
    let rounded: Vec<i64> = scores.iter().map(|score| score.round() as i64).collect();
    let partaking = || {
        let both = rounded.iter().zip(part);
        both.filter(|(_, part)| **part).map(|(score, _)| *score)
    };
    let (most, least) = (
        partaking().max().unwrap_or(0),
        partaking().min().unwrap_or(0),
    );
    let scaled = |(score, part): (&i64, &bool)| match (part, most) {
        (false, _) => 0,
        (true, 0) => FULL,
        (true, most) => FULL * (most + least - score) / most,
    };
    rounded.iter().zip(part).map(scaled).collect()
}
