//! What readers and watchers see: all live objects and the recent changes, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

use crate::shelf::{Found, Shelf};
use crate::watch::Event;
use crate::{Compacted, Key, Page, Record, Revision, Selection};

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

/// Objects and the revision at which they stood together.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The revision of the listing; watch after it to miss nothing.
    pub revision: Revision,
    /// The objects in order of namespace and name.
    pub records: Vec<Arc<Record>>,
    /// How many more there are after them where the page has a limit; of a selection, whether there are.
    pub left: usize,
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
            let resource = Arc::clone(&record.key.resource);
            shelves.shelf(&resource).put(Arc::new(record));
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
        shelves.shelves.get(&key.resource)?.get(key).cloned()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let shelves = self.read();
        shelves
            .shelves
            .iter()
            .map(|(name, shelf)| (name.to_string(), shelf.len()))
            .collect()
    }

    pub(crate) fn list(
        &self,
        resource: &str,
        page: &Page<'_>,
        selection: Option<Selection<'_>>,
    ) -> Result<Listing, Compacted> {
        let shelves = self.read();
        let revision = page.at.unwrap_or(shelves.revision);
        if revision < shelves.compacted {
            return Err(Compacted {
                asked: revision,
                oldest: shelves.compacted,
            });
        }
        let found = match shelves.shelves.get(resource) {
            Some(shelf) => shelf.page(page, selection)?,
            None => Found::default(),
        };
        Ok(Listing {
            revision,
            records: found.records,
            left: found.left,
        })
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
            shelf.forget_to(revision);
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
        let shelf = shelves.shelves.get(resource);
        let floor = shelf.map_or(shelves.floor, |shelf| shelf.floor);
        if after < floor {
            return Err(Compacted {
                asked: after,
                oldest: floor,
            });
        }
        if let Some(shelf) = shelf {
            batch.extend(shelf.changes(after, limit).cloned());
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
        let floor = self.floor;
        if !self.shelves.contains_key(resource) {
            self.shelves.insert(resource.into(), Shelf::since(floor));
        }
        self.shelves.entry(resource.into()).or_default()
    }
}
