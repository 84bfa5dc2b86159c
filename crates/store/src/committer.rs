//! The one writer: checks preconditions, gives revisions, makes batches durable, then publishes.
//!
//! In memory it runs within the caller. On disk whoever comes while nobody writes does it for himself: to hand a
//! change to another thread and back takes longer than many a disk. The requests that arrive meanwhile wait together and
//! form the next batch, so the cost of reaching the disk is shared by all of them (group commit); that batch is
//! written by a thread of its own, which goes on for as long as there are any.

mod batch;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use batch::Batch;

use crate::disk::Disk;
use crate::state::State;
use crate::{Error, Record, Write};

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
