//! In which order nodes are looked at.

use std::collections::{BTreeMap, VecDeque};

/// The slots, one of each zone in turn, and where the next search begins.
///
/// Large clusters are not searched to the end: a search takes up where the last one stopped, so that
/// every node gets its turn.
#[derive(Debug, Default)]
pub(crate) struct Order {
    slots: Vec<usize>,
    start: usize,
    fresh: bool,
}

impl Order {
    pub(super) fn stale(&mut self) {
        self.fresh = false;
    }

    /// Rebuilds the order where nodes came, went or moved. `nodes` come in the order of their names.
    pub(super) fn refresh<'a>(&mut self, nodes: impl FnOnce() -> Vec<(usize, Option<&'a str>)>) {
        if self.fresh {
            return;
        }
        let mut zones: BTreeMap<Option<&str>, VecDeque<usize>> = BTreeMap::new();
        for (slot, zone) in nodes() {
            zones.entry(zone).or_default().push_back(slot);
        }
        self.slots.clear();
        while zones.values().any(|zone| !zone.is_empty()) {
            self.slots
                .extend(zones.values_mut().filter_map(VecDeque::pop_front));
        }
        self.fresh = true;
        if self.start >= self.slots.len() {
            self.start = 0;
        }
    }

    /// The slots from where the last search ended.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + use<> {
        let mut slots = self.slots.clone();
        slots.rotate_left(self.start.min(self.slots.len()));
        slots.into_iter()
    }

    /// The search looked at this many.
    pub(crate) fn advance(&mut self, looked_at: usize) {
        if !self.slots.is_empty() {
            self.start = (self.start + looked_at) % self.slots.len();
        }
    }
}

/// How many nodes that do are enough (upstream's `numFeasibleNodesToFind`): all of the first hundred;
/// of larger clusters a share that falls from half to a twentieth.
pub(crate) fn enough(nodes: usize) -> usize {
    const LEAST: usize = 100;
    if nodes < LEAST {
        return nodes;
    }
    let share = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * share / 100).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_take_turns_and_searches_go_on() {
        let mut order = Order::default();
        order.refresh(|| {
            vec![
                (0, Some("a")),
                (1, Some("a")),
                (2, Some("b")),
                (3, None),
                (4, Some("a")),
            ]
        });
        assert_eq!(order.slots().collect::<Vec<_>>(), [3, 0, 2, 1, 4]);
        order.advance(3);
        assert_eq!(order.slots().collect::<Vec<_>>(), [1, 4, 3, 0, 2]);
        order.advance(4);
        assert_eq!(order.slots().next(), Some(2));
    }

    #[test]
    fn large_clusters_are_sampled() {
        let sizes = [10, 99, 100, 200, 1000, 5000, 6000];
        assert_eq!(sizes.map(enough), [10, 99, 100, 100, 420, 500, 300]);
    }
}
