//! Pods that wait for a place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use seatrial_controller::{Delay, ObjectKey};
use tokio::time::Instant;

use crate::reason::Cause;

/// After this long a pod that did not fit is tried again even if nothing changed.
const PATIENCE: Duration = Duration::from_mins(5);

/// The queue: highest priority first, then first come.
///
/// A pod that did not fit rests until something changed that may help it, and then for what is left
/// of its back-off (one second, doubling up to ten).
#[derive(Debug)]
pub(crate) struct Pending {
    active: BTreeSet<(Reverse<i32>, u64, ObjectKey)>,
    entries: BTreeMap<ObjectKey, Entry>,
    timers: BTreeSet<(Instant, u64, ObjectKey)>,
    /// Pods that rest, by what may help them.
    resting: BTreeMap<Cause, BTreeSet<ObjectKey>>,
    delay: Delay,
    sequence: u64,
}

#[derive(Debug)]
struct Entry {
    priority: i32,
    sequence: u64,
    attempts: u32,
    not_before: Instant,
    timer: Option<Instant>,
    causes: BTreeSet<Cause>,
}

impl Default for Pending {
    fn default() -> Self {
        let delay = Delay {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
            ..Delay::default()
        };
        Self {
            active: BTreeSet::new(),
            entries: BTreeMap::new(),
            timers: BTreeSet::new(),
            resting: BTreeMap::new(),
            delay,
            sequence: 0,
        }
    }
}

impl Pending {
    /// A pod appeared that waits. One that is known already keeps its place.
    pub(crate) fn add(&mut self, key: &ObjectKey, priority: i32) {
        if self.entries.contains_key(key) {
            return;
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let entry = Entry {
            priority,
            sequence,
            attempts: 0,
            not_before: Instant::now(),
            timer: None,
            causes: BTreeSet::new(),
        };
        self.entries.insert(key.clone(), entry);
        self.active
            .insert((Reverse(priority), sequence, key.clone()));
    }

    /// The pod no longer waits.
    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        self.wake(key);
        if let Some(entry) = self.entries.remove(key) {
            self.active
                .remove(&(Reverse(entry.priority), entry.sequence, key.clone()));
            if let Some(due) = entry.timer {
                self.timers.remove(&(due, entry.sequence, key.clone()));
            }
        }
    }

    /// The next pod to try. It stays known until removed or failed.
    pub(crate) fn pop(&mut self) -> Option<ObjectKey> {
        self.wake_due();
        self.active.pop_first().map(|(_, _, key)| key)
    }

    /// The pod did not fit, for these reasons: it rests. Without reasons it is tried again after its
    /// back-off.
    pub(crate) fn failed(&mut self, key: &ObjectKey, causes: BTreeSet<Cause>) {
        let now = Instant::now();
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.attempts += 1;
        entry.not_before = now + self.delay.after(entry.attempts);
        let due = if causes.is_empty() {
            entry.not_before
        } else {
            now + PATIENCE
        };
        entry.timer = Some(due);
        self.timers.insert((due, entry.sequence, key.clone()));
        for cause in &causes {
            self.resting.entry(*cause).or_default().insert(key.clone());
        }
        entry.causes = causes;
    }

    /// Something changed that may help: pods that rest for such a reason are tried again after
    /// their back-off.
    pub(crate) fn stir(&mut self, causes: &[Cause]) {
        for cause in causes {
            for key in self.resting.remove(cause).unwrap_or_default() {
                self.hurry(&key);
            }
        }
    }

    /// The pod itself changed: it is tried again after its back-off.
    pub(crate) fn hurry(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let Some(due) = entry.timer.filter(|due| *due > entry.not_before) else {
            return;
        };
        let timer = entry.not_before;
        entry.timer = Some(timer);
        self.timers.remove(&(due, entry.sequence, key.clone()));
        self.timers.insert((timer, entry.sequence, key.clone()));
        self.wake(key);
    }

    /// The pod no longer rests.
    fn wake(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        for cause in std::mem::take(&mut entry.causes) {
            if let Some(keys) = self.resting.get_mut(&cause) {
                keys.remove(key);
            }
        }
    }

    fn wake_due(&mut self) {
        let now = Instant::now();
        while self.timers.first().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, sequence, key)) = self.timers.pop_first() else {
                return;
            };
            self.wake(&key);
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.timer = None;
                self.active.insert((Reverse(entry.priority), sequence, key));
            }
        }
    }

    /// When the next timer is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(due, ..)| *due)
    }
}
