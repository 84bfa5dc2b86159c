//! What one reconcile wrote, so that the next one sees it.
//!
//! Every write through [`Context`](crate::Context) notes the kind and the resource version that the
//! server answered with. Before the kit lets a key be reconciled again it waits until the cache of
//! each written kind has advanced to that version ([`Caches::caught_up`](crate::Caches::caught_up)).
//!
//! **Guarantees**: a reconcile that reads its children from the caches sees every child that its
//! predecessor for the same key created, changed or deleted. With one reconcile per key at a time
//! (the queue's guarantee), no child is created twice.
//!
//! **Assumptions**: resource versions are numbers that grow with each write, across kinds (true of
//! Seatrial's store and of etcd; promised by Kubernetes from 1.35 on). A version that is no number
//! is not waited for.
//!
//! **Caveats**: kinds that nobody caches are not waited for; writes through `ctx.client` directly
//! are not noted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ObjectKey;

/// An object whose deletion was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The kind, as its collection path.
    pub path: String,
    /// Which object.
    pub key: ObjectKey,
    /// Its uid, so that a successor of the same name does not count.
    pub uid: Option<String>,
}

/// The writes of one reconcile. Clones share one journal.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    revisions: BTreeMap<String, u64>,
    deletions: Vec<Deletion>,
}

impl Journal {
    /// Notes a write of the kind at `path` that got this resource version.
    pub fn wrote(&self, path: &str, resource_version: Option<&str>) {
        let Some(revision) = resource_version.and_then(|version| version.parse::<u64>().ok())
        else {
            return;
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.revisions.get_mut(path) {
            Some(newest) => *newest = (*newest).max(revision),
            None => {
                entries.revisions.insert(path.to_owned(), revision);
            }
        }
    }

    /// Notes that deletion of an object was asked for.
    pub fn deleted(&self, deletion: Deletion) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .deletions
            .push(deletion);
    }

    /// Takes what was noted: the newest revision by kind, and the deletions.
    pub fn take(&self) -> (BTreeMap<String, u64>, Vec<Deletion>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (
            std::mem::take(&mut entries.revisions),
            std::mem::take(&mut entries.deletions),
        )
    }
}
