//! What is the same for every node: found once for one pod.

use std::sync::Arc;

use super::is_eligible;
use crate::cluster::{Cluster, Domains, Host, NOWHERE};
use crate::pod::{Demand, Wished};
use crate::query::Leaving;
use crate::spread::{Constraint, Force, Policy};
use crate::terms::repelling;
use crate::volume::Needs;

/// Label values, marked.
pub(crate) struct Marked {
    pub(super) domains: Arc<Domains>,
    marked: Vec<bool>,
}

impl Marked {
    /// The values that some slot with a count has.
    fn of(domains: Arc<Domains>, counts: &[i64]) -> Self {
        let mut marked = vec![false; domains.count];
        for (domain, count) in domains.of.iter().zip(counts) {
            if *count > 0 && *domain != NOWHERE {
                marked[*domain] = true;
            }
        }
        Self { domains, marked }
    }

    /// Whether the node's value is marked.
    pub(super) fn holds(&self, slot: usize) -> bool {
        self.domains
            .get(slot)
            .is_some_and(|domain| self.marked[domain])
    }

    fn is_empty(&self) -> bool {
        !self.marked.contains(&true)
    }
}

/// A spread constraint that must hold, counted.
pub(crate) struct Spread {
    pub(super) domains: Arc<Domains>,
    /// Matching pods by value; -1 for values on no node that the pod could use.
    pub(super) counts: Vec<i64>,
    pub(super) least: i64,
    pub(super) own: i64,
    pub(super) most: i64,
}

/// What was found.
pub(crate) struct Findings {
    pub(super) spread: Vec<Spread>,
    /// Values where other pods must not be, by the pod's own wish.
    pub(super) apart: Vec<Marked>,
    /// Values where other pods do not want this one.
    pub(super) repelled: Vec<Marked>,
    /// For each affinity term, the values where its company is.
    pub(super) near: Vec<Marked>,
    /// Whether the pod is the first of a group that only wants its own kind.
    pub(super) first: bool,
    pub(super) claim_in_use: bool,
}

impl Findings {
    pub(crate) fn of(demand: &Demand, volumes: &Needs, cluster: &mut Cluster) -> Self {
        let near = near(demand, cluster);
        let own_kind = || {
            let home = cluster.labels_of(&demand.namespace);
            let company = demand.between.company.as_ref();
            company.is_some_and(|company| company.matches(demand, home))
        };
        let first = near.iter().all(Marked::is_empty) && own_kind();
        let mut apart = Vec::new();
        for (label, query) in &demand.between.apart {
            let counts = cluster.matching(query);
            apart.push(Marked::of(cluster.domains(label), &counts));
        }
        Self {
            spread: spread(demand, cluster),
            apart,
            repelled: repelled(demand, cluster),
            near,
            first,
            claim_in_use: volumes.in_use(demand, cluster),
        }
    }
}

fn near(demand: &Demand, cluster: &mut Cluster) -> Vec<Marked> {
    let Some(company) = &demand.between.company else {
        return Vec::new();
    };
    let counts = cluster.matching(company);
    let labels = demand.between.near.iter();
    labels
        .map(|label| Marked::of(cluster.domains(label), &counts))
        .collect()
}

fn repelled(demand: &Demand, cluster: &mut Cluster) -> Vec<Marked> {
    let home = cluster.labels_of(&demand.namespace);
    let wishes = cluster
        .wishes()
        .filter(|(wish, _)| wish.wished == Wished::Apart && wish.term.matches(demand, home));
    let meant: Vec<_> = wishes
        .map(|(wish, counts)| (wish.topology.clone(), counts.to_vec()))
        .collect();
    meant
        .into_iter()
        .map(|(label, counts)| Marked::of(cluster.domains(&label), &counts))
        .collect()
}

fn spread(demand: &Demand, cluster: &mut Cluster) -> Vec<Spread> {
    let hard: Vec<_> = demand
        .spread
        .iter()
        .filter(|constraint| constraint.force == Force::Must)
        .collect();
    let found: Vec<_> = hard
        .iter()
        .map(|constraint| {
            debug_assert_eq!(constraint.query.leaving, Leaving::Skipped);
            let counts = cluster.matching(&constraint.query);
            (*constraint, cluster.domains(&constraint.topology), counts)
        })
        .collect();
    let everywhere: Vec<_> = found
        .iter()
        .map(|(_, domains, _)| domains.clone())
        .collect();
    found
        .into_iter()
        .map(|(constraint, domains, pods)| {
            let mut counts = vec![-1_i64; domains.count];
            for (slot, host) in cluster.hosts() {
                let labelled = everywhere.iter().all(|domains| domains.get(slot).is_some());
                if labelled
                    && counts_for(constraint, demand, host)
                    && let Some(domain) = domains.get(slot)
                {
                    let here = pods.get(slot).copied().unwrap_or(0);
                    counts[domain] = counts[domain].max(0) + here;
                }
            }
            evaluate(constraint, domains, counts)
        })
        .collect()
}

fn evaluate(constraint: &Constraint, domains: Arc<Domains>, counts: Vec<i64>) -> Spread {
    let present = || counts.iter().filter(|count| **count >= 0);
    let number = i64::try_from(present().count()).unwrap_or(i64::MAX);
    let least = if number < constraint.least_domains {
        0
    } else {
        present().min().copied().unwrap_or(0)
    };
    Spread {
        domains,
        least,
        own: constraint.own,
        most: constraint.most,
        counts,
    }
}

/// Whether a node takes part in a constraint.
pub(crate) fn counts_for(constraint: &Constraint, demand: &Demand, host: &Host) -> bool {
    let suits = constraint.affinity == Policy::Ignore || is_eligible(demand, host);
    suits
        && (constraint.taints == Policy::Ignore
            || repelling(&demand.tolerations, &host.taints).is_none())
}
