//! The durable backend: a batch is appended to a journal and synced; later the newest state of what changed is moved
//! to the tables of one `redb` file, while another journal takes what comes.
//!
//! ```text
//!            append, sync                 8 MiB are full: a thread writes what changed
//!  batch ───────────────────▶ journal.0 ────────────────────────────────────────────▶ objects.redb
//!                             journal.1   (takes batches meanwhile)
//! ```
//!
//! When a directory is opened, what the journals hold beyond the tables is moved there first. When it is closed,
//! everything is in the tables and the journals are empty. The watch log is not kept: after a restart a watcher from
//! before it is told to list again, as it is after any compaction.

mod compaction;
mod journal;
mod recovery;
mod tables;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use crate::seal::Seal;
use crate::state::Loaded;
use crate::watch::Event;
use crate::{Error, EventKind, Key, Record, Revision};
use journal::{Draft, Journal};
pub(crate) use tables::Plain;
use tables::{Load, Tables, Values};

/// How much a journal takes before its changes are moved to the tables.
const LARGE: u64 = 8 << 20;

/// How much it takes while they cannot be moved yet, before writers wait for it.
const LARGEST: u64 = 4 * LARGE;

/// A disk that takes longer for a batch keeps whoever waits for it from other work.
const SLOW: Duration = Duration::from_millis(1);

/// The newest state of what changed, by encoded key; none where the object is gone.
type Changes = BTreeMap<Vec<u8>, Option<Arc<Record>>>;

/// What is durable of one data directory.
pub(crate) struct Disk {
    tables: Arc<Mutex<Tables>>,
    values: Values,
    /// Where batches go.
    journal: Journal,
    /// One whose changes are in the tables.
    spare: Option<Journal>,
    /// One whose changes are being moved there.
    held: Option<Journal>,
    /// What is not in the tables, nor being moved there.
    changes: Changes,
    moving: Option<Moving>,
    /// How much the journal takes before the next move.
    limit: u64,
    /// The newest revision in the journal.
    revision: Revision,
    /// Whether a failed append may have written something.
    doubt: bool,
    /// How long a batch took lately.
    pace: Duration,
}

/// Changes on their way to the tables.
struct Moving {
    changes: Arc<Changes>,
    thread: JoinHandle<Result<(), redb::Error>>,
}

impl Disk {
    pub(crate) fn open(
        directory: &Path,
        seal: Option<Arc<dyn Seal>>,
    ) -> Result<(Self, Loaded), Error> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Open {
            directory: directory.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(|source| failed(source.into()))?;
        let damaged = |detail: String| Error::Damaged {
            directory: directory.to_owned(),
            detail,
        };
        let told = |failure: Load| match failure {
            Load::Engine(error) => failed(Box::new(error)),
            Load::Damaged(detail) => damaged(detail),
        };
        let attempt = || {
            let values = Values { seal };
            // First the tables: their lock is the directory's.
            let mut tables = Tables::open(directory, values.clone())?;
            let mut journals =
                recovery::journals(directory).map_err(|error| failed(error.into()))?;
            recovery::replay(&tables, &mut journals).map_err(told)?;
            let loaded = tables.load().map_err(told)?;
            let live = loaded
                .records
                .iter()
                .map(|record| record.bytes.len() as u64);
            tables.compact(live.sum())?;
            let [journal, spare] = journals;
            let disk = Self {
                tables: Arc::new(Mutex::new(tables)),
                values,
                journal,
                spare: Some(spare),
                held: None,
                changes: Changes::new(),
                moving: None,
                limit: LARGE,
                revision: loaded.revision,
                doubt: false,
                pace: Duration::ZERO,
            };
            Ok((disk, loaded))
        };
        // The engine panics at some of what a damaged file can hold.
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(format!(
                "the file cannot be read: {}",
                text.unwrap_or("no reason given")
            )))
        })
    }

    pub(crate) fn directory(&self) -> PathBuf {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.directory.clone()
    }

    /// Whether the next batch may take long, as the last ones did or because it has to wait for the tables.
    pub(crate) fn may_take_long(&self) -> bool {
        self.doubt || self.pace > SLOW || self.journal.written() >= LARGEST
    }

    /// Writes one batch and returns once it is on the disk. What a failure may have left there is taken back before
    /// anything else is written; if the process is killed before, it counts as written after all.
    pub(crate) fn append(&mut self, events: &[Event]) -> Result<(), Error> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let begun = Instant::now();
        let done = self.try_append(events, last.record.revision);
        self.pace = (7 * self.pace + begun.elapsed()) / 8;
        done.map_err(|failure| append_error(&failure))
    }

    fn try_append(&mut self, events: &[Event], last: Revision) -> io::Result<()> {
        if self.doubt {
            self.journal.take_back()?;
            self.doubt = false;
            tracing::info!("the disk can be written to again; the last change is not on it");
        }
        self.move_if_large();
        let mut frame = Draft::after(self.revision);
        for event in events {
            let key = encode_key(&event.record.key);
            match event.kind {
                EventKind::Deleted => frame.add(&key, None),
                EventKind::Added | EventKind::Modified => {
                    frame.add(&key, Some(&self.values.of(&event.record)?));
                }
            }
        }
        let done = self.journal.append(&frame.finish(last));
        self.doubt = done.is_err();
        done?;
        self.revision = last;
        for event in events {
            let present = event.kind != EventKind::Deleted;
            let record = present.then(|| Arc::clone(&event.record));
            self.changes.insert(encode_key(&event.record.key), record);
        }
        Ok(())
    }

    /// Begins to move changes to the tables, once there are many.
    fn move_if_large(&mut self) {
        if self.journal.written() < self.limit {
            return;
        }
        let finished = |moving: &Moving| moving.thread.is_finished();
        if self.moving.as_ref().is_some_and(finished) || self.journal.written() >= LARGEST {
            self.end_move();
        }
        if self.moving.is_some() || self.journal.written() < self.limit {
            return;
        }
        if let Some(mut spare) = self.spare.take() {
            spare.begin();
            self.held = Some(std::mem::replace(&mut self.journal, spare));
        }
        let changes = Arc::new(std::mem::take(&mut self.changes));
        let (tables, revision) = (Arc::clone(&self.tables), self.revision);
        let moved = Arc::clone(&changes);
        let thread = std::thread::Builder::new().name("store-tables".to_owned());
        let thread = thread.spawn(move || {
            let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.write(&moved, revision)
        });
        match thread {
            Ok(thread) => self.moving = Some(Moving { changes, thread }),
            Err(error) => {
                tracing::warn!(%error, "changes stay in the journal for now");
                self.keep(&changes);
            }
        }
    }

    /// Waits for the changes that are being moved.
    fn end_move(&mut self) {
        let Some(Moving { changes, thread }) = self.moving.take() else {
            return;
        };
        match thread.join() {
            Ok(Ok(())) => {
                self.limit = LARGE;
                self.spare = self.held.take().or(self.spare.take());
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "changes stay in the journal for now");
                self.keep(&changes);
            }
            // What it panicked about has been reported by its own hook.
            Err(_) => self.keep(&changes),
        }
    }

    /// Keeps what could not be moved for the next attempt.
    fn keep(&mut self, changes: &Changes) {
        for (key, record) in changes {
            let newest = self.changes.entry(key.clone());
            newest.or_insert_with(|| record.clone());
        }
        self.limit = self.journal.written() + LARGE;
    }

    /// Moves everything to the tables and empties the journals.
    fn close(&mut self) -> Result<(), redb::Error> {
        self.end_move();
        if self.doubt {
            self.journal.take_back()?;
        }
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.changes.is_empty() {
            tables.write(&self.changes, self.revision)?;
        }
        let others = self.held.iter_mut().chain(&mut self.spare);
        for journal in others.chain([&mut self.journal]) {
            journal.clear()?;
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "what is in the journal is moved at the next start");
        }
    }
}

/// A failed write, as callers see it.
fn append_error(failure: &io::Error) -> Error {
    let detail = failure.to_string();
    match failure.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::Full { detail }
        }
        _ => Error::Append { detail },
    }
}

pub(crate) fn encode_key(key: &Key) -> Vec<u8> {
    [
        key.resource.as_bytes(),
        key.namespace.as_bytes(),
        key.name.as_bytes(),
    ]
    .join(&0)
}
