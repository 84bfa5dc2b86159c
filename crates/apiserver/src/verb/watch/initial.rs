//! The objects that a watch begins with, held until they were sent.
//!
//! Whoever asks for a large list and then reads none of it would keep the state of that moment in memory for as long as
//! connections are waited for. So a list of which nothing was taken for a while is let go of, and its watch ends there, as
//! upstream ends watches that are too slow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seatrial_store::Record;
use tokio::task::AbortHandle;

/// How long a list may stay as it is.
const STALL: Duration = Duration::from_mins(5);

/// Shorter lists are not worth it.
const LONG: usize = 256;

/// What is left of the list; `None` where it was let go of.
type Left = Option<VecDeque<Arc<Record>>>;

/// A list that is being sent.
pub(super) struct Listed {
    left: Arc<Mutex<Left>>,
    /// Who looks after a long one.
    guard: Option<AbortHandle>,
}

/// What comes next.
pub(super) enum Next {
    Record(Arc<Record>),
    Done,
    /// The client took nothing for too long.
    GivenUp,
}

impl Listed {
    /// Holds these.
    pub(super) fn new(records: VecDeque<Arc<Record>>) -> Self {
        let long = records.len() >= LONG;
        let left = Arc::new(Mutex::new(Some(records)));
        let guard = long.then(|| tokio::spawn(look_after(Arc::clone(&left))).abort_handle());
        Self { left, guard }
    }

    pub(super) fn next(&self) -> Next {
        match lock(&self.left).as_mut().map(VecDeque::pop_front) {
            Some(Some(record)) => Next::Record(record),
            Some(None) => Next::Done,
            None => Next::GivenUp,
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(guard) = &self.guard {
            guard.abort();
        }
    }
}

fn lock(left: &Mutex<Left>) -> MutexGuard<'_, Left> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

fn length(left: &Mutex<Left>) -> usize {
    lock(left).as_ref().map_or(0, VecDeque::len)
}

async fn look_after(left: Arc<Mutex<Left>>) {
    let mut before = length(&left);
    while before > 0 {
        tokio::time::sleep(STALL).await;
        let now = length(&left);
        if now == before {
            tracing::debug!(now, "a watcher reads nothing of what it asked for");
            *lock(&left) = None;
            return;
        }
        before = now;
    }
}
