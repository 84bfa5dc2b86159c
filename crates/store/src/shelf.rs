//! The objects of one resource and the newest changes to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::place::{Placed, Shelved, place};
use crate::watch::Event;
use crate::{Compacted, EventKind, Key, Record, Revision};

/// The most bytes of earlier states that the log of one resource holds, whatever its length.
const LOG_BYTES: usize = 32 << 20;

/// How many changes it keeps however large they are: a watcher that does read is not that far behind.
const LEAST_LOG: usize = 64;

/// What one watcher takes from the log at a time, in bytes: what a watcher that is not read holds back.
const BATCH_BYTES: usize = 256 << 10;

/// Which part of a resource's objects to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// Only this namespace.
    pub namespace: Option<&'a str>,
    /// Only objects after this namespace and name.
    pub after: Option<(&'a str, &'a str)>,
    /// The state at this earlier revision instead of the newest.
    pub at: Option<Revision>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// Which objects of a page to take.
pub type Selection<'a> = &'a dyn Fn(&Record) -> bool;

/// What is on a page.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<Arc<Record>>,
    /// How many more there are after the page; of a selection, whether there are.
    pub(crate) left: usize,
}

/// The objects of one resource and the newest changes to them.
#[derive(Default)]
pub(crate) struct Shelf {
    objects: BTreeSet<Shelved>,
    log: VecDeque<Arc<Event>>,
    /// The bytes of earlier states that only the log holds.
    log_bytes: usize,
    /// Changes at or before this revision are forgotten.
    pub(crate) floor: Revision,
    pub(crate) changed: Arc<Notify>,
}

impl Shelf {
    /// A shelf whose past up to `floor` is unknown.
    pub(crate) fn since(floor: Revision) -> Self {
        Self {
            floor,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Record>> {
        let place: &dyn Placed = &place(key);
        self.objects.get(place).map(|Shelved(record)| record)
    }

    pub(crate) fn put(&mut self, record: Arc<Record>) {
        self.objects.replace(Shelved(record));
    }

    /// Takes in a change, and forgets the oldest where there are more than `most`, or too many bytes.
    pub(crate) fn take(&mut self, event: Arc<Event>, most: usize) {
        match event.kind {
            EventKind::Deleted => {
                let place: &dyn Placed = &place(&event.record.key);
                self.objects.remove(place);
            }
            EventKind::Added | EventKind::Modified => self.put(Arc::clone(&event.record)),
        }
        self.log_bytes += weight(&event);
        self.log.push_back(event);
        while self.log.len() > most || (self.log_bytes > LOG_BYTES && self.log.len() > LEAST_LOG) {
            self.forget();
        }
    }

    /// Forgets the oldest change.
    fn forget(&mut self) {
        if let Some(forgotten) = self.log.pop_front() {
            self.log_bytes -= weight(&forgotten);
            self.floor = self.floor.max(forgotten.record.revision);
        }
    }

    /// Forgets the changes up to a revision, and gives their memory back.
    pub(crate) fn forget_to(&mut self, revision: Revision) {
        while self
            .log
            .front()
            .is_some_and(|event| event.record.revision <= revision)
        {
            self.forget();
        }
        if self.log.len() < self.log.capacity() / 4 {
            self.log.shrink_to(2 * self.log.len());
        }
    }

    /// Up to `limit` changes after a revision, fewer where they are large.
    pub(crate) fn changes(
        &self,
        after: Revision,
        limit: usize,
    ) -> impl Iterator<Item = &Arc<Event>> {
        let mut bytes = 0;
        let few = move |event: &&Arc<Event>| {
            let more = bytes < BATCH_BYTES;
            bytes += event.record.bytes.len();
            more
        };
        let start = self.start_after(after);
        self.log.range(start..).take(limit).take_while(few)
    }

    /// Where the changes after a revision begin in the log.
    fn start_after(&self, revision: Revision) -> usize {
        self.log
            .partition_point(|event| event.record.revision <= revision)
    }

    /// The objects of a page that `selection` takes.
    pub(crate) fn page(
        &self,
        page: &Page<'_>,
        selection: Option<Selection<'_>>,
    ) -> Result<Found, Compacted> {
        let newest = self.log.back().map(|event| event.record.revision);
        let past = match page.at {
            Some(at) if at < self.floor => {
                return Err(Compacted {
                    asked: at,
                    oldest: self.floor,
                });
            }
            Some(at) if newest.is_some_and(|newest| newest > at) => self.undone(at, page),
            _ => BTreeMap::new(),
        };
        let mut rest = with_past(self.range(page), past);
        let limit = page.limit.unwrap_or(usize::MAX);
        let selected = |record: &&Arc<Record>| selection.is_none_or(|takes| takes(record));
        let records = rest.by_ref().filter(selected).take(limit).cloned();
        Ok(Found {
            records: records.collect(),
            left: match (page.limit, selection) {
                (None, _) => 0,
                (Some(_), None) => rest.count(),
                (Some(_), Some(takes)) => usize::from(rest.any(|record| takes(record))),
            },
        })
    }

    fn range(&self, page: &Page<'_>) -> impl Iterator<Item = &Arc<Record>> {
        let (after, from);
        let start: Bound<&dyn Placed> = match (page.after, page.namespace) {
            (Some(last), _) => {
                after = last;
                Bound::Excluded(&after)
            }
            (None, Some(namespace)) => {
                from = (namespace, "");
                Bound::Included(&from)
            }
            (None, None) => Bound::Unbounded,
        };
        self.objects
            .range::<dyn Placed, _>((start, Bound::Unbounded))
            .map(|Shelved(record)| record)
            .take_while(|record| within(page, record))
    }

    /// What every change after a revision replaced, in a page: the oldest of each place.
    fn undone<'a>(&'a self, at: Revision, page: &Page<'_>) -> Past<'a> {
        let mut past = BTreeMap::new();
        for event in self.log.range(self.start_after(at)..) {
            let key = place(&event.record.key);
            if within(page, &event.record) && page.after.is_none_or(|after| key > after) {
                past.entry(key).or_insert(event.previous.as_ref());
            }
        }
        past
    }
}

/// The bytes that go when the log forgets `event`: the state before it, and of a deleted object the last.
fn weight(event: &Event) -> usize {
    let before = event
        .previous
        .as_ref()
        .map_or(0, |record| record.bytes.len());
    match event.kind {
        EventKind::Deleted => before + event.record.bytes.len(),
        EventKind::Added | EventKind::Modified => before,
    }
}

/// Objects as they were, or were not.
type Past<'a> = BTreeMap<(&'a str, &'a str), Option<&'a Arc<Record>>>;

fn within(page: &Page<'_>, record: &Record) -> bool {
    page.namespace
        .is_none_or(|namespace| namespace == &*record.key.namespace)
}

/// The objects there are, with those that were otherwise as they were. Both are in order.
fn with_past<'a>(
    present: impl Iterator<Item = &'a Arc<Record>>,
    past: Past<'a>,
) -> impl Iterator<Item = &'a Arc<Record>> {
    let mut present = present.peekable();
    let mut past = past.into_iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let next = present.peek().map(|record| place(&record.key));
            match (next, past.peek()) {
                (Some(now), Some((then, _))) if now < *then => return present.next(),
                (_, Some((then, _))) => {
                    if next == Some(*then) {
                        present.next();
                    }
                    if let Some((_, Some(record))) = past.next() {
                        return Some(record);
                    }
                }
                (_, None) => return present.next(),
            }
        }
    })
}
