//! `concurrency`: one holder to a group, and one that waits.
//!
//! GitHub's rule: whoever comes while a group is held waits, and takes the place of whoever waited
//! before, who is cancelled; with `cancel-in-progress` the holder is cancelled too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All groups. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Default)]
struct Group {
    holder: Option<Ticket>,
    waiting: Option<Ticket>,
}

#[derive(Debug, Clone)]
struct Ticket {
    id: u64,
    cancel: CancellationToken,
    wake: Arc<Notify>,
}

/// What to do with whoever holds the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Wait until they are done.
    Wait,
    /// Cancel them, and wait until they have cleaned up.
    Cancel,
}

/// Holds a group until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    groups: Groups,
    key: String,
    id: u64,
}

impl Groups {
    /// Waits for the group of that name (names are compared without case). `None` where `cancel`
    /// was cancelled meanwhile, by someone newer or from outside.
    pub(crate) async fn enter(
        &self,
        key: &str,
        holder: Holder,
        cancel: &CancellationToken,
    ) -> Option<Place> {
        let key = key.to_lowercase();
        let ticket = self.ticket(cancel);
        let place = || Place {
            groups: self.clone(),
            key: key.clone(),
            id: ticket.id,
        };
        if self.take_or_wait(&key, &ticket, holder) {
            return Some(place());
        }
        // The place is made now, so that whoever gives up waiting leaves nothing behind.
        let place = place();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                () = ticket.wake.notified() => {}
            }
            if self.take_or_wait(&key, &ticket, Holder::Wait) {
                return Some(place);
            }
        }
    }

    fn ticket(&self, cancel: &CancellationToken) -> Ticket {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.next += 1;
        Ticket {
            id: inner.next,
            cancel: cancel.clone(),
            wake: Arc::new(Notify::new()),
        }
    }

    /// Whether the group is ours now; if not, we are the one that waits.
    fn take_or_wait(&self, key: &str, ticket: &Ticket, holder: Holder) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = inner.groups.entry(key.to_owned()).or_default();
        let Some(current) = &group.holder else {
            group.holder = Some(ticket.clone());
            group.waiting = group
                .waiting
                .take()
                .filter(|waiting| waiting.id != ticket.id);
            return true;
        };
        if holder == Holder::Cancel {
            current.cancel.cancel();
        }
        let superseded = group.waiting.replace(ticket.clone());
        if let Some(older) = superseded.filter(|older| older.id != ticket.id) {
            older.cancel.cancel();
        }
        false
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.groups.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(group) = inner.groups.get_mut(&self.key) else {
            return;
        };
        let is_ours = |ticket: &Ticket| ticket.id == self.id;
        group.waiting = group.waiting.take().filter(|waiting| !is_ours(waiting));
        if group.holder.as_ref().is_some_and(is_ours) {
            group.holder = None;
            if let Some(waiting) = &group.waiting {
                waiting.wake.notify_one();
            }
        }
        if group.holder.is_none() && group.waiting.is_none() {
            inner.groups.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_newest_waits_and_the_older_one_is_cancelled() {
        let groups = Groups::default();
        let tokens: [CancellationToken; 3] = std::array::from_fn(|_| CancellationToken::new());
        let first = groups
            .enter("deploy", Holder::Wait, &tokens[0])
            .await
            .unwrap();
        let second = groups.enter("Deploy", Holder::Wait, &tokens[1]);
        let third = async {
            tokio::task::yield_now().await;
            groups.enter("deploy", Holder::Wait, &tokens[2]).await
        };
        let release = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            drop(first);
        };
        let (second, third, ()) = tokio::join!(second, third, release);
        assert!(second.is_none() && tokens[1].is_cancelled());
        assert!(third.is_some() && !tokens[0].is_cancelled());
        drop(third);
        assert!(groups.0.lock().unwrap().groups.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn cancel_in_progress_cancels_the_holder() {
        let groups = Groups::default();
        let (old, new) = (CancellationToken::new(), CancellationToken::new());
        let first = groups.enter("x", Holder::Cancel, &old).await.unwrap();
        let end = async {
            old.cancelled().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(groups.enter("x", Holder::Cancel, &new), end);
        assert!(second.is_some());
    }
}
