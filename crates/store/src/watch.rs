//! Following the changes of one resource.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::state::State;
use crate::{Compacted, Record, Revision};

/// How many changes a watcher takes from the log at a time.
const BATCH: usize = 256;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It came into being.
    Added,
    /// It changed.
    Modified,
    /// It is gone; the record is its last state.
    Deleted,
}

/// One change.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The object after it.
    pub record: Arc<Record>,
    /// The object before it; watchers with a selector need it to see objects enter and leave.
    pub previous: Option<Arc<Record>>,
}

impl Event {
    pub(crate) fn new(kind: EventKind, record: Arc<Record>, previous: Option<Arc<Record>>) -> Self {
        Self {
            kind,
            record,
            previous,
        }
    }
}

/// A place in the log of one resource.
pub struct Watch {
    state: Arc<State>,
    resource: Box<str>,
    position: Revision,
    batch: VecDeque<Arc<Event>>,
}

impl Watch {
    pub(crate) fn start(
        state: Arc<State>,
        resource: &str,
        after: Revision,
    ) -> Result<Self, Compacted> {
        let mut watch = Self {
            state,
            resource: resource.into(),
            position: after,
            batch: VecDeque::new(),
        };
        watch.refill()?;
        Ok(watch)
    }

    fn refill(&mut self) -> Result<(), Compacted> {
        self.state
            .changes(&self.resource, self.position, BATCH, &mut self.batch)
    }

    /// The revision up to which changes have been handed out.
    pub fn position(&self) -> Revision {
        self.position
    }

    /// The next change if there is one already.
    ///
    /// # Errors
    /// [`Compacted`] where the log has moved past this watcher.
    pub fn try_next(&mut self) -> Result<Option<Arc<Event>>, Compacted> {
        if self.batch.is_empty() {
            self.refill()?;
        }
        let next = self.batch.pop_front();
        if let Some(event) = &next {
            self.position = event.record.revision;
        }
        Ok(next)
    }

    /// The next change, waiting for one. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Compacted`] where the log has moved past this watcher.
    pub async fn next(&mut self) -> Result<Arc<Event>, Compacted> {
        loop {
            let changed = self.state.changed(&self.resource);
            let notified = changed.notified();
            tokio::pin!(notified);
            // Enlist before looking, so that a change between the look and the wait is not missed.
            notified.as_mut().enable();
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            notified.await;
        }
    }

    /// A revision that a bookmark may name: everything up to it has been handed out.
    ///
    /// # Errors
    /// [`Compacted`] where the log has moved past this watcher.
    pub fn bookmark(&mut self) -> Result<Option<Revision>, Compacted> {
        // Read first: a change that is published in between is then after the bookmark.
        let newest = self.state.revision();
        if self.batch.is_empty() {
            self.refill()?;
        }
        if !self.batch.is_empty() {
            return Ok(None);
        }
        self.position = self.position.max(newest);
        Ok(Some(self.position))
    }
}
