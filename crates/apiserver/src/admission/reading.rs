//! Configuration objects as the steps need them: looked up in the store, read once per revision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use seatrial_store::{Key, Page, Record, Revision};

use crate::object::Object;
use crate::state::State;

/// The stored objects of one kind, given by its storage name, in one namespace or in all.
pub(super) fn listed(state: &State, resource: &str, namespace: Option<&str>) -> Vec<Arc<Record>> {
    let page = Page {
        namespace,
        ..Page::default()
    };
    // The newest state is never compacted, so this cannot fail.
    let listing = state.store.list(resource, &page);
    listing.map(|listing| listing.records).unwrap_or_default()
}

/// A stored object by the storage name of its kind.
pub(super) fn found(state: &State, resource: &str, namespace: &str, name: &str) -> Option<Object> {
    let record = state.store.get(&Key::new(resource, namespace, name))?;
    Object::decode(&record.bytes).ok()
}

/// What was read from records, kept as long as the records stay as they are.
pub(super) struct Readings<T>(Mutex<BTreeMap<Key, (Revision, Arc<T>)>>);

impl<T> Default for Readings<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Readings<T> {
    /// The readings of `records`, in their order. What cannot be decoded is left out, and logged.
    pub(super) fn of(&self, records: &[Arc<Record>], read: impl Fn(Object) -> T) -> Vec<Arc<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readings = Vec::with_capacity(records.len());
        for record in records {
            match known.get(&record.key) {
                Some((revision, reading)) if *revision == record.revision => {
                    readings.push(Arc::clone(reading));
                    continue;
                }
                _ => {}
            }
            match Object::decode(&record.bytes) {
                Ok(object) => {
                    let reading = Arc::new(read(object));
                    readings.push(Arc::clone(&reading));
                    known.insert(record.key.clone(), (record.revision, reading));
                }
                Err(error) => tracing::error!(key = %record.key, %error, "cannot read an object"),
            }
        }
        // Readings of objects that are gone are forgotten before they outnumber the others.
        if known.len() > 2 * records.len() + 64 {
            known.retain(|key, _| records.iter().any(|record| record.key == *key));
        }
        readings
    }
}
