//! How many pods match each constraint in use, on every node, kept up to date pod by pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pod::Demand;
use crate::query::{Labels, PodQuery};

/// More constraints than this are not remembered: all are counted anew when asked for.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Census {
    known: BTreeMap<Arc<PodQuery>, usize>,
    entries: Vec<Entry>,
    /// Constraints by a label that every matching pod has, so that a pod is compared with few.
    by_pair: BTreeMap<(String, String), Vec<usize>>,
    /// Those that ask for no label.
    rest: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    query: Arc<PodQuery>,
    counts: Arc<Vec<i64>>,
}

impl Census {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The pods that match, per slot; `recount` is asked where nobody asked before.
    pub(super) fn counts(
        &mut self,
        query: &Arc<PodQuery>,
        recount: impl FnOnce() -> Vec<i64>,
    ) -> Arc<Vec<i64>> {
        if let Some(entry) = self.known.get(query).and_then(|id| self.entries.get(*id)) {
            return entry.counts.clone();
        }
        if self.entries.len() >= MOST {
            self.clear();
        }
        let id = self.entries.len();
        let counts = Arc::new(recount());
        self.entries.push(Entry {
            query: query.clone(),
            counts: counts.clone(),
        });
        self.known.insert(query.clone(), id);
        self.index(query, id);
        counts
    }

    /// Files a constraint under the label that fewest others are filed under.
    fn index(&mut self, query: &PodQuery, id: usize) {
        let pairs = query
            .pairs()
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let rarest = pairs.min_by_key(|pair| self.by_pair.get(pair).map_or(0, Vec::len));
        match rarest {
            Some(pair) => self.by_pair.entry(pair).or_default().push(id),
            None => self.rest.push(id),
        }
    }

    /// A pod came to a slot, or left it.
    pub(super) fn count(&mut self, slot: usize, pod: &Demand, home: &Labels, by: i64) {
        if self.entries.is_empty() {
            return;
        }
        for (key, value) in &pod.labels {
            // The tuple must be owned to be looked up; labels are short.
            if let Some(ids) = self.by_pair.get(&(key.clone(), value.clone())) {
                for id in ids {
                    change(&mut self.entries, *id, slot, (pod, home), by);
                }
            }
        }
        for id in &self.rest {
            change(&mut self.entries, *id, slot, (pod, home), by);
        }
    }
}

fn change(entries: &mut [Entry], id: usize, slot: usize, (pod, home): (&Demand, &Labels), by: i64) {
    let Some(entry) = entries
        .get_mut(id)
        .filter(|entry| entry.query.matches(pod, home))
    else {
        return;
    };
    // Shared only while a decision is being made, so this does not copy.
    let counts = Arc::make_mut(&mut entry.counts);
    if counts.len() <= slot {
        counts.resize(slot + 1, 0);
    }
    counts[slot] += by;
}
