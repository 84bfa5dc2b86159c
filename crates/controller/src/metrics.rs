//! Plain counters of what controllers did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What one controller did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reconciles that ended in an outcome.
    pub succeeded: u64,
    /// Reconciles that ended in an error worth retrying.
    pub retried: u64,
    /// Reconciles that ended in a terminal error.
    pub failed: u64,
    /// Status writes (those that changed something).
    pub status_writes: u64,
    /// Time inside `reconcile`, by the handed-in clock (zero in virtual time, but for waits).
    pub busy: Duration,
}

/// The counters of all controllers of a process, by controller name.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Counters>>>);

impl Metrics {
    /// A copy of everything counted so far.
    pub fn snapshot(&self) -> BTreeMap<String, Counters> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes one controller's counters.
    pub fn record(&self, controller: &str, change: impl FnOnce(&mut Counters)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = all.get_mut(controller) {
            change(counters);
        } else {
            change(all.entry(controller.to_owned()).or_default());
        }
    }
}
