//! The one writer: checks preconditions, gives revisions, makes batches durable, then publishes.
//!
//! In memory it runs within the caller. On disk whoever comes while nobody writes does it for himself: to hand a
//! change to another thread and back takes longer than many a disk. The requests that arrive meanwhile wait together and
//! form the next batch, so the cost of reaching the disk is shared by all of them (group commit); that batch is
//! written by a thread of its own, which goes on for as long as there are any.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::state::State;
use crate::watch::Event;
use crate::{Change, Error, EventKind, Expect, Key, Record, Revision, Write};

/// The most requests that share one trip to the disk.
const BATCH: usize = 512;

type Reply = Result<Vec<Arc<Record>>, Error>;

struct Request {
    writes: Vec<Write>,
    reply: oneshot::Sender<Reply>,
}

/// The way to the one writer.
pub(crate) enum Committer {
    /// Writes happen within the caller, one at a time.
    Inline { state: Arc<State>, turn: Mutex<()> },
    /// Writes happen by whoever has the disk.
    Durable {
        desk: Arc<Desk>,
        thread: Mutex<Option<JoinHandle<()>>>,
    },
}

/// Where requests wait for the disk.
pub(crate) struct Desk {
    state: Arc<State>,
    waiting: Mutex<Waiting>,
    /// Told when somebody waits whom nobody serves, and at the end.
    changed: Condvar,
    disk: Mutex<Disk>,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    closed: bool,
}

impl Committer {
    pub(crate) fn inline(state: Arc<State>) -> Self {
        Self::Inline {
            state,
            turn: Mutex::new(()),
        }
    }

    pub(crate) fn durable(state: Arc<State>, disk: Disk) -> Result<Self, Error> {
        let directory = disk.directory();
        let desk = Arc::new(Desk {
            state,
            waiting: Mutex::default(),
            changed: Condvar::new(),
            disk: Mutex::new(disk),
        });
        let served = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || served.serve())
            .map_err(|source| Error::Open {
                directory,
                source: source.into(),
            })?;
        Ok(Self::Durable {
            desk,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Reply {
        match self {
            Self::Inline { state, turn } => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let mut batch = Batch::after(state);
                let records = batch.add(writes)?;
                state.publish(batch.events);
                Ok(records)
            }
            Self::Durable { desk, .. } => {
                let (reply, answer) = oneshot::channel();
                desk.take(Request { writes, reply })?;
                answer.await.map_err(|_| Error::Closed)?
            }
        }
    }
}

impl Drop for Committer {
    /// Waits for the thread, so that the data directory is free once the last handle is gone.
    fn drop(&mut self) {
        if let Self::Durable { desk, thread } = self {
            desk.waiting().closed = true;
            desk.changed.notify_all();
            if let Some(thread) = thread
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
            {
                // A panic on that thread has been reported by its own hook.
                let _ = thread.join();
            }
        }
    }
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request, and serves it at once if nobody has the disk and no long wait is due.
    fn take(&self, request: Request) -> Result<(), Error> {
        self.waiting().requests.push_back(request);
        match self.disk.try_lock() {
            Ok(mut disk) if !disk.may_take_long() => self.serve_waiting(&mut disk),
            Ok(_) | Err(TryLockError::WouldBlock) => {}
            // Somebody panicked over it: what is on the disk is not known.
            Err(TryLockError::Poisoned(_)) => return Err(Error::Closed),
        }
        // Whoever had the disk looks here after it is free: nobody waits unseen.
        if !self.waiting().requests.is_empty() {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// The thread's life: serve those who wait for longer.
    fn serve(&self) {
        loop {
            {
                let idle = |waiting: &mut Waiting| waiting.requests.is_empty() && !waiting.closed;
                let waiting = self.changed.wait_while(self.waiting(), idle);
                let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
                if waiting.requests.is_empty() {
                    return;
                }
            }
            match self.disk.lock() {
                Ok(mut disk) => self.serve_waiting(&mut disk),
                // Those who wait are told that it is closed, as their requests are dropped.
                Err(_) => self.waiting().requests.clear(),
            }
        }
    }

    /// Takes what has piled up, writes it, publishes it, answers.
    fn serve_waiting(&self, disk: &mut Disk) {
        let waiting: Vec<Request> = {
            let mut waiting = self.waiting();
            let count = waiting.requests.len().min(BATCH);
            waiting.requests.drain(..count).collect()
        };
        let mut batch = Batch::after(&self.state);
        let replies: Vec<_> = waiting
            .into_iter()
            .map(|request| (request.reply, batch.add(request.writes)))
            .collect();
        let done = disk.append(&batch.events);
        match &done {
            Ok(()) => self.state.publish(batch.events),
            Err(failure) => tracing::error!(%failure, "a change was not stored"),
        }
        for (reply, outcome) in replies {
            match (&done, outcome) {
                (Err(failure), Ok(_)) => answer(reply, Err(again(failure))),
                (_, outcome) => answer(reply, outcome),
            }
        }
    }
}

fn answer(reply: oneshot::Sender<Reply>, outcome: Reply) {
    // A caller that went away does not need the answer.
    let _ = reply.send(outcome);
}

/// The same failure for another caller.
fn again(failure: &Error) -> Error {
    match failure {
        Error::Full { detail } => Error::Full {
            detail: detail.clone(),
        },
        Error::Append { detail } => Error::Append {
            detail: detail.clone(),
        },
        other => Error::Append {
            detail: other.to_string(),
        },
    }
}

/// Changes that are decided but not yet visible.
struct Batch<'a> {
    state: &'a State,
    revision: Revision,
    /// What this batch did so far, laid over the visible state.
    overlay: BTreeMap<Key, Option<Arc<Record>>>,
    events: Vec<Event>,
}

impl<'a> Batch<'a> {
    fn after(state: &'a State) -> Self {
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
    fn add(&mut self, writes: Vec<Write>) -> Reply {
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
