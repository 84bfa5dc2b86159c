//! Deciding: preconditions and revisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reply;
use crate::state::State;
use crate::watch::Event;
use crate::{Change, Error, EventKind, Expect, Key, Record, Revision, Write};

/// Changes that are decided but not yet visible.
pub(super) struct Batch<'a> {
    state: &'a State,
    revision: Revision,
    /// What this batch did so far, laid over the visible state.
    overlay: BTreeMap<Key, Option<Arc<Record>>>,
    pub(super) events: Vec<Event>,
}

impl<'a> Batch<'a> {
    pub(super) fn after(state: &'a State) -> Self {
        let revision = state.revision();
        Self {
            state,
            revision,
            overlay: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    fn current(&self, key: &Key) -> Option<Arc<Record>> {
        self.overlay
            .get(key)
            .cloned()
            .unwrap_or_else(|| self.state.get(key))
    }

    /// Adds all of `writes`, or none where a precondition fails.
    pub(super) fn add(&mut self, writes: Vec<Write>) -> Reply {
        let (revision, length) = (self.revision, self.events.len());
        let mut undo = Vec::with_capacity(writes.len());
        let mut records = Vec::with_capacity(writes.len());
        for write in writes {
            let key = write.key.clone();
            let covered = self.overlay.get(&key).cloned();
            match self.add_one(write) {
                Ok(record) => {
                    undo.push((key, covered));
                    records.push(record);
                }
                Err(conflict) => {
                    self.revision = revision;
                    self.events.truncate(length);
                    for (key, covered) in undo.into_iter().rev() {
                        match covered {
                            Some(before) => self.overlay.insert(key, before),
                            None => self.overlay.remove(&key),
                        };
                    }
                    return Err(conflict);
                }
            }
        }
        Ok(records)
    }

    fn add_one(&mut self, write: Write) -> Result<Arc<Record>, Error> {
        let Write {
            key,
            expect,
            change,
        } = write;
        let previous = self.current(&key);
        let found = previous.as_ref().map(|record| record.revision);
        let holds = match expect {
            Expect::Absent => found.is_none(),
            Expect::Revision(revision) => found == Some(revision),
            Expect::Present => found.is_some(),
        };
        // Deleting what is not there can only be a stale caller.
        if !holds || (matches!(change, Change::Delete { .. }) && found.is_none()) {
            return Err(Error::Conflict { key, found });
        }
        self.revision += 1;
        let revision = self.revision;
        let created = previous.as_ref().map_or(revision, |record| record.created);
        let (kind, bytes, metadata) = match (change, &previous) {
            (Change::Put { draft, metadata }, None) => {
                (EventKind::Added, draft.fill(revision), metadata)
            }
            (Change::Put { draft, metadata }, Some(_)) => {
                (EventKind::Modified, draft.fill(revision), metadata)
            }
            (Change::Delete { draft }, previous) => {
                let metadata = previous.as_ref().map(|record| record.metadata.clone());
                (
                    EventKind::Deleted,
                    draft.fill(revision),
                    metadata.unwrap_or_default(),
                )
            }
        };
        let record = Arc::new(Record {
            key: key.clone(),
            revision,
            created,
            metadata,
            bytes,
        });
        let visible = (kind != EventKind::Deleted).then(|| Arc::clone(&record));
        self.overlay.insert(key, visible);
        self.events
            .push(Event::new(kind, Arc::clone(&record), previous));
        Ok(record)
    }
}
