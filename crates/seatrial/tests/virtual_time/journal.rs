//! Everything that was ever written to the store, and when.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seatrial_store::{Event, EventKind, Store};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One change of one object.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Since the start of the run.
    pub(crate) at: Duration,
    event: Arc<Event>,
}

impl Entry {
    /// The object after the change.
    pub(crate) fn object(&self) -> Value {
        serde_json::from_slice(&self.event.record.bytes).unwrap()
    }

    fn revision(&self) -> u64 {
        self.event.record.revision
    }
}

/// Follows every kind that the server knows.
pub(crate) struct Journal {
    store: Store,
    entries: Arc<Mutex<Vec<Entry>>>,
    _followers: JoinSet<()>,
}

impl Journal {
    /// Takes in what is there already, and follows from then on.
    pub(crate) fn start(server: &seatrial_apiserver::Server, start: Instant) -> Self {
        let store = server.state().store.clone();
        let entries: Arc<Mutex<Vec<Entry>>> = Arc::default();
        let mut followers = JoinSet::new();
        // Some kinds are two views of one resource, such as the two Events.
        let resources: BTreeSet<Arc<str>> = server
            .state()
            .registry()
            .kinds()
            .map(|kind| kind.resource.clone())
            .collect();
        for resource in resources {
            let mut watch = store.watch(&resource, 1).unwrap();
            let entries = entries.clone();
            followers.spawn(async move {
                loop {
                    let event = watch.next().await.unwrap();
                    let at = start.elapsed();
                    entries.lock().unwrap().push(Entry { at, event });
                }
            });
        }
        Self {
            store,
            entries,
            _followers: followers,
        }
    }

    /// Every change so far, by revision.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().unwrap().clone();
        entries.sort_by_key(Entry::revision);
        let newest = self.store.revision();
        assert!(
            entries.iter().map(Entry::revision).eq(2..=newest),
            "the event log must hold every one of the {newest} revisions"
        );
        entries
    }

    /// The changes of all objects of one resource.
    pub(crate) fn of(&self, resource: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| &*entry.event.record.key.resource == resource);
        entries
    }
}

/// The entries as text, a line each: when, which revision, what, which object, and all its bytes.
pub(crate) fn text(entries: &[Entry]) -> String {
    let mut text = String::new();
    for Entry { at, event } in entries {
        let kind = match event.kind {
            EventKind::Added => "added",
            EventKind::Modified => "modified",
            EventKind::Deleted => "deleted",
        };
        let (milliseconds, record) = (at.as_millis(), &event.record);
        let object = std::str::from_utf8(&record.bytes).unwrap();
        writeln!(
            text,
            "{milliseconds} {} {kind} {} {object}",
            record.revision, record.key
        )
        .unwrap();
    }
    text
}
