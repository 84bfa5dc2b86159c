//! Revisioned objects, a watch log, and two backends: memory and disk.
//!
//! ```text
//!   commit(writes) ──▶ committer ──▶ journal (group commit, fsync) ──▶ state ──▶ readers
//!                      checks                                            │
//!                      preconditions,                                    └────▶ watch log ──▶ watchers
//!                      gives revisions
//! ```
//!
//! Objects are opaque bytes plus the little metadata that selection needs. All live objects stand
//! in memory as the bytes that clients receive, so that reads, lists and watches copy and never
//! encode.
//!
//! **Invariants**
//! - One counter numbers all changes of all kinds; revisions are never reused, not even after a crash.
//! - Nothing is readable or watchable before it is durable, and what was acknowledged survives SIGKILL.
//! - A commit is atomic: all its writes are seen, or none.
//! - With the memory backend nothing runs beside the caller: no thread, no timer, one order of events.

mod committer;
mod disk;
mod error;
mod pairs;
mod place;
mod record;
mod seal;
mod shelf;
mod state;
mod watch;

use std::path::Path;
use std::sync::Arc;

pub use error::{Compacted, Error};
pub use pairs::Pairs;
pub use record::{Change, Draft, Expect, Key, Metadata, Record, Revision, Write};
pub use seal::Seal;
pub use shelf::{Page, Selection};
pub use state::Listing;
pub use watch::{Event, EventKind, Watch};

use committer::Committer;
use state::State;

/// How many changes of one resource the watch log keeps before it forgets the oldest.
///
/// It keeps fewer where they are large: 32 MiB of earlier states for each resource. A watcher that falls
/// further behind than this is told [`Compacted`] and has to list again.
pub const DEFAULT_LOG_LENGTH: usize = 16_384;

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    state: Arc<State>,
    committer: Arc<Committer>,
}

impl Store {
    /// An empty store that forgets everything when it is dropped.
    pub fn memory() -> Self {
        Self::memory_with_log(DEFAULT_LOG_LENGTH)
    }

    /// Like [`Store::memory`], with a watch log of `log_length` changes for each resource.
    pub fn memory_with_log(log_length: usize) -> Self {
        let state = Arc::new(State::empty(log_length));
        Self {
            committer: Arc::new(Committer::inline(Arc::clone(&state))),
            state,
        }
    }

    /// Opens (or creates) a durable store in `directory` and loads every object.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it open; otherwise what the disk says.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Self::open_with(directory, None)
    }

    /// As [`Store::open`]; what `seal` wants sealed is sealed on the disk, also what was written before
    /// without it.
    ///
    /// # Errors
    /// Also where something is sealed that `seal` cannot open.
    pub fn open_sealed(directory: &Path, seal: Arc<dyn Seal>) -> Result<Self, Error> {
        Self::open_with(directory, Some(seal))
    }

    fn open_with(directory: &Path, seal: Option<Arc<dyn Seal>>) -> Result<Self, Error> {
        let (disk, loaded) = disk::Disk::open(directory, seal)?;
        let state = Arc::new(State::loaded(loaded, DEFAULT_LOG_LENGTH));
        let committer = Committer::durable(Arc::clone(&state), disk)?;
        Ok(Self {
            state,
            committer: Arc::new(committer),
        })
    }

    /// The revision of the newest visible change; 1 for a store that never saw one.
    pub fn revision(&self) -> Revision {
        self.state.revision()
    }

    /// The object under `key`, if there is one.
    pub fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.state.get(key)
    }

    /// The objects of `resource` in order of namespace and name, all at one revision.
    ///
    /// # Errors
    /// [`Compacted`] where `page.at` names a revision that the watch log no longer reaches.
    pub fn list(&self, resource: &str, page: &Page<'_>) -> Result<Listing, Compacted> {
        self.state.list(resource, page, None)
    }

    /// As [`Store::list`], with only those objects that `selection` takes.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn select(
        &self,
        resource: &str,
        page: &Page<'_>,
        selection: Selection<'_>,
    ) -> Result<Listing, Compacted> {
        self.state.list(resource, page, Some(selection))
    }

    /// How many objects each resource has, by storage name.
    pub fn counts(&self) -> std::collections::BTreeMap<String, usize> {
        self.state.counts()
    }

    /// Applies all `writes` at consecutive revisions, or none of them.
    ///
    /// Returns one record for each write, in order: the object as stored, or the last state of a
    /// deleted one.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a precondition does not hold; [`Error::Full`] or [`Error::Append`]
    /// where the disk failed, which the next write tries anew; [`Error::Closed`].
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Arc<Record>>, Error> {
        self.committer.commit(writes).await
    }

    /// Follows the changes of `resource` after revision `after`.
    ///
    /// # Errors
    /// [`Compacted`] where the log no longer reaches back to `after`.
    pub fn watch(&self, resource: &str, after: Revision) -> Result<Watch, Compacted> {
        Watch::start(Arc::clone(&self.state), resource, after)
    }

    /// Forgets the watch log up to and including `revision`, for every resource, and tells no state before it any more. A watcher
    /// that missed none of the changes goes on.
    pub fn compact(&self, revision: Revision) {
        self.state.compact(revision);
    }
}

#[cfg(test)]
mod tests;
