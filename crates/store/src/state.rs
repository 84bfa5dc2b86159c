//! What readers and watchers see: all live objects and the recent changes, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

use crate::watch::Event;
use crate::{Compacted, EventKind, Key, Record, Revision};

type Place = (Box<str>, Box<str>);

/// The most bytes of earlier states that the log of one resource holds, whatever its length.
const LOG_BYTES: usize = 32 << 20;

/// How many changes it keeps however large they are: a watcher that does read is not that far behind.
const LEAST_LOG: usize = 64;

/// What one watcher takes from the log at a time, in bytes: what a watcher that is not read holds back.
const BATCH_BYTES: usize = 256 << 10;

/// The objects of one resource and the newest changes to them.
#[derive(Default)]
struct Shelf {
    objects: BTreeMap<Place, Arc<Record>>,
    log: VecDeque<Arc<Event>>,
    /// The bytes of earlier states that only the log holds.
    log_bytes: usize,
    /// Changes at or before this revision are forgotten.
    floor: Revision,
    changed: Arc<Notify>,
}

struct Shelves {
    revision: Revision,
    shelves: BTreeMap<Arc<str>, Shelf>,
    /// The floor of shelves that do not exist yet.
    floor: Revision,
    /// Earlier states than this are told no more, even where they could be.
    compacted: Revision,
}

/// The visible state.
pub(crate) struct State {
    shelves: RwLock<Shelves>,
    log_length: usize,
}

/// Which part of a resource's objects to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// Only this namespace.
    pub namespace: Option<&'a str>,
    /// Only objects after this namespace and name.
    pub after: Option<(&'a str, &'a str)>,
    /// The state at this earlier revision instead of the newest.
    pub at: Option<Revision>,
}

/// Objects and the revision at which they stood together.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The revision of the listing; watch after it to miss nothing.
    pub revision: Revision,
    /// The objects in order of namespace and name.
    pub records: Vec<Arc<Record>>,
}

/// What a backend found on disk.
pub(crate) struct Loaded {
    pub(crate) revision: Revision,
    pub(crate) records: Vec<Record>,
}

impl State {
    /// A state without objects. Revisions start at 1, since clients read 0 as "any".
    pub(crate) fn empty(log_length: usize) -> Self {
        Self::loaded(
            Loaded {
                revision: 1,
                records: Vec::new(),
            },
            log_length,
        )
    }

    /// The state as `loaded`; its history is unknown.
    pub(crate) fn loaded(loaded: Loaded, log_length: usize) -> Self {
        let Loaded { revision, records } = loaded;
        let mut shelves = Shelves {
            revision,
            shelves: BTreeMap::new(),
            floor: revision,
            compacted: revision,
        };
        for record in records {
            let shelf = shelves.shelf(&record.key.resource);
            shelf.objects.insert(place(&record.key), Arc::new(record));
        }
        Self {
            shelves: RwLock::new(shelves),
            log_length,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelves> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelves> {
        self.shelves.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn revision(&self) -> Revision {
        self.read().revision
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Record>> {
        let shelves = self.read();
        shelves
            .shelves
            .get(&key.resource)?
            .objects
            .get(&place(key))
            .cloned()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let shelves = self.read();
        shelves
            .shelves
            .iter()
            .map(|(name, shelf)| (name.to_string(), shelf.objects.len()))
            .collect()
    }

    pub(crate) fn list(&self, resource: &str, page: &Page<'_>) -> Result<Listing, Compacted> {
        let shelves = self.read();
        let revision = page.at.unwrap_or(shelves.revision);
        if revision < shelves.compacted {
            return Err(Compacted {
                asked: revision,
                oldest: shelves.compacted,
            });
        }
        let Some(shelf) = shelves.shelves.get(resource) else {
            return Ok(Listing {
                revision,
                records: Vec::new(),
            });
        };
        let records = match page.at {
            Some(at)
                if shelf
                    .log
                    .back()
                    .is_some_and(|newest| newest.record.revision > at) =>
            {
                select(&shelf.as_of(at)?, page)
            }
            Some(at) if at < shelf.floor => {
                return Err(Compacted {
                    asked: at,
                    oldest: shelf.floor,
                });
            }
            _ => select(&shelf.objects, page),
        };
        Ok(Listing { revision, records })
    }

    /// Makes committed changes visible, in order, and wakes their watchers.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        let mut woken: Vec<Arc<Notify>> = Vec::new();
        {
            let mut shelves = self.write();
            for event in events {
                shelves.revision = shelves.revision.max(event.record.revision);
                let shelf = shelves.shelf(&event.record.key.resource);
                let changed = Arc::clone(&shelf.changed);
                shelf.take(Arc::new(event), self.log_length);
                if !woken.iter().any(|known| Arc::ptr_eq(known, &changed)) {
                    woken.push(changed);
                }
            }
        }
        for changed in woken {
            changed.notify_waiters();
        }
    }

    pub(crate) fn compact(&self, revision: Revision) {
        let mut shelves = self.write();
        let revision = revision.min(shelves.revision);
        shelves.compacted = shelves.compacted.max(revision);
        for shelf in shelves.shelves.values_mut() {
            while shelf
                .log
                .front()
                .is_some_and(|event| event.record.revision <= revision)
            {
                shelf.forget();
            }
        }
    }

    /// Appends to `batch` up to `limit` changes of `resource` after `after`, fewer where they are large.
    pub(crate) fn changes(
        &self,
        resource: &str,
        after: Revision,
        limit: usize,
        batch: &mut VecDeque<Arc<Event>>,
    ) -> Result<(), Compacted> {
        let shelves = self.read();
        let floor = shelves
            .shelves
            .get(resource)
            .map_or(shelves.floor, |shelf| shelf.floor);
        if after < floor {
            return Err(Compacted {
                asked: after,
                oldest: floor,
            });
        }
        if let Some(shelf) = shelves.shelves.get(resource) {
            let start = shelf
                .log
                .partition_point(|event| event.record.revision <= after);
            let mut bytes = 0;
            for event in shelf.log.iter().skip(start).take(limit) {
                batch.push_back(Arc::clone(event));
                bytes += event.record.bytes.len();
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is notified when `resource` changes.
    pub(crate) fn changed(&self, resource: &str) -> Arc<Notify> {
        if let Some(shelf) = self.read().shelves.get(resource) {
            return Arc::clone(&shelf.changed);
        }
        Arc::clone(&self.write().shelf(resource).changed)
    }
}

impl Shelves {
    fn shelf(&mut self, resource: &str) -> &mut Shelf {
        if !self.shelves.contains_key(resource) {
            let shelf = Shelf {
                floor: self.floor,
                ..Shelf::default()
            };
            self.shelves.insert(resource.into(), shelf);
        }
        self.shelves.entry(resource.into()).or_default()
    }
}

impl Shelf {
    fn take(&mut self, event: Arc<Event>, log_length: usize) {
        let place = place(&event.record.key);
        match event.kind {
            EventKind::Deleted => self.objects.remove(&place),
            EventKind::Added | EventKind::Modified => {
                self.objects.insert(place, Arc::clone(&event.record))
            }
        };
        self.log_bytes += weight(&event);
        self.log.push_back(event);
        while self.log.len() > log_length
            || (self.log_bytes > LOG_BYTES && self.log.len() > LEAST_LOG)
        {
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

    /// The objects as they stood at an earlier revision: the present ones with every later change undone.
    fn as_of(&self, at: Revision) -> Result<BTreeMap<Place, Arc<Record>>, Compacted> {
        if at < self.floor {
            return Err(Compacted {
                asked: at,
                oldest: self.floor,
            });
        }
        let mut objects = self.objects.clone();
        for event in self
            .log
            .iter()
            .rev()
            .take_while(|event| event.record.revision > at)
        {
            let place = place(&event.record.key);
            match &event.previous {
                Some(previous) => objects.insert(place, Arc::clone(previous)),
                None => objects.remove(&place),
            };
        }
        Ok(objects)
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

fn place(key: &Key) -> Place {
    (key.namespace.clone(), key.name.clone())
}

fn select(objects: &BTreeMap<Place, Arc<Record>>, page: &Page<'_>) -> Vec<Arc<Record>> {
    let start = match (page.after, page.namespace) {
        (Some((namespace, name)), _) => Bound::Excluded((namespace.into(), name.into())),
        (None, Some(namespace)) => Bound::Included((namespace.into(), "".into())),
        (None, None) => Bound::Unbounded,
    };
    objects
        .range::<Place, _>((start, Bound::Unbounded))
        .map(|(_, record)| record)
        .take_while(|record| {
            page.namespace
                .is_none_or(|namespace| &*record.key.namespace == namespace)
        })
        .cloned()
        .collect()
}
