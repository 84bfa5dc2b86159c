//! Which nodes share a value of a label.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Host;

/// The domain of a node without the label.
pub(crate) const NOWHERE: usize = usize::MAX;

/// The values of one label, numbered.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    /// By slot; [`NOWHERE`] for a node without the label and for a slot without a node.
    pub(crate) of: Vec<usize>,
    /// How many values there are.
    pub(crate) count: usize,
}

impl Domains {
    /// The number of a node's value.
    pub(crate) fn get(&self, slot: usize) -> Option<usize> {
        self.of
            .get(slot)
            .copied()
            .filter(|domain| *domain != NOWHERE)
    }

    /// Counts per slot, added up per value.
    pub(crate) fn sum(&self, counts: &[i64]) -> Vec<i64> {
        let mut sums = vec![0; self.count];
        for (domain, count) in self.of.iter().zip(counts) {
            if *domain != NOWHERE {
                sums[*domain] += count;
            }
        }
        sums
    }
}

/// The domains of every label asked for since the nodes last changed.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<String, Arc<Domains>>);

impl Index {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn of(&mut self, label: &str, hosts: &[Option<Host>]) -> Arc<Domains> {
        if let Some(domains) = self.0.get(label) {
            return domains.clone();
        }
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut of = Vec::with_capacity(hosts.len());
        for host in hosts {
            let value = host.as_ref().and_then(|host| host.labels.get(label));
            of.push(value.map_or(NOWHERE, |value| {
                let next = numbers.len();
                *numbers.entry(value).or_insert(next)
            }));
        }
        let domains = Arc::new(Domains {
            of,
            count: numbers.len(),
        });
        self.0.insert(label.to_owned(), domains.clone());
        domains
    }
}
