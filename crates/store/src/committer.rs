//! The one writer: checks preconditions, gives revisions, makes batches durable, then publishes.
//!
//! In memory it runs within the caller. On disk it is a thread of its own: while one batch is being
//! written, the requests that arrive wait together and form the next, so the cost of reaching the
//! disk is shared by all of them (group commit).

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::state::State;
use crate::watch::Event;
use crate::{Change, Error, EventKind, Expect, Key, Record, Revision, Write};

/// The most requests that share one trip to the disk.
const BATCH: usize = 512;

type Reply = Result<Vec<Arc<Record>>, Error>;

pub(crate) struct Request {
    writes: Vec<Write>,
    reply: oneshot::Sender<Reply>,
}

/// The way to the one writer.
pub(crate) enum Committer {
    /// Writes happen within the caller, one at a time.
    Inline { state: Arc<State>, turn: Mutex<()> },
    /// Writes happen on a thread that owns the disk.
    Threaded {
        requests: Mutex<Option<Sender<Request>>>,
        thread: Mutex<Option<JoinHandle<()>>>,
    },
}

impl Committer {
    pub(crate) fn inline(state: Arc<State>) -> Self {
        Self::Inline {
            state,
            turn: Mutex::new(()),
        }
    }

    pub(crate) fn threaded(state: Arc<State>, disk: Disk) -> Result<Self, Error> {
        let (requests, inbox) = channel();
        let directory = disk.directory().to_owned();
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || serve(&state, disk, &inbox))
            .map_err(|source| Error::Open {
                directory,
                source: source.into(),
            })?;
        Ok(Self::Threaded {
            requests: Mutex::new(Some(requests)),
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
            Self::Threaded { requests, .. } => {
                let (reply, answer) = oneshot::channel();
                {
                    let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
                    let sender = requests.as_ref().ok_or(Error::Closed)?;
                    sender
                        .send(Request { writes, reply })
                        .map_err(|_| Error::Closed)?;
                }
                answer.await.map_err(|_| Error::Closed)?
            }
        }
    }
}

impl Drop for Committer {
    /// Waits for the thread, so that the data directory is free once the last handle is gone.
    fn drop(&mut self) {
        if let Self::Threaded { requests, thread } = self {
            requests
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
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

/// The thread's life: take what has piled up, write it, publish it, answer.
fn serve(state: &State, mut disk: Disk, inbox: &Receiver<Request>) {
    let mut doubt = None;
    while let Ok(first) = inbox.recv() {
        let waiting = std::iter::once(first).chain(inbox.try_iter().take(BATCH - 1));
        if let Err(failure) = settle(state, &mut disk, &mut doubt) {
            waiting.for_each(|request| answer(request.reply, Err(again(&failure))));
            continue;
        }
        let mut batch = Batch::after(state);
        let replies: Vec<_> = waiting
            .map(|request| (request.reply, batch.add(request.writes)))
            .collect();
        let done = if batch.events.is_empty() {
            Ok(())
        } else {
            disk.append(&batch.events)
        };
        match &done {
            Ok(()) => state.publish(batch.events),
            Err(failure) => {
                tracing::error!(%failure, "a change was not stored");
                doubt = Some(batch.events);
            }
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

/// After a failed write: opens the disk anew and finds out whether the batch of `doubt` is on it. A failure
/// may be told though everything was written; then it becomes visible now, as it will after a restart.
fn settle(state: &State, disk: &mut Disk, doubt: &mut Option<Vec<Event>>) -> Result<(), Error> {
    let Some(events) = doubt else {
        return Ok(());
    };
    let (stored, visible) = (disk.reopen()?, state.revision());
    let last = events.last().map(|event| event.record.revision);
    if stored == visible {
        tracing::info!("the disk can be written to again; the last change is not on it");
    } else if Some(stored) == last {
        tracing::info!("the disk can be written to again; the last change is on it");
        state.publish(std::mem::take(events));
    } else {
        return Err(Error::Append {
            detail: format!("the disk is at revision {stored}, not at {visible}"),
        });
    }
    *doubt = None;
    Ok(())
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
