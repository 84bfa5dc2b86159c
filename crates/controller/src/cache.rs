//! Shared informers: one list and watch, one decode, many readers.
//!
//! ```text
//!   feed (one task per kind): list → watch → … ; 410 → list again; errors → back off
//!     └► State<K>: texts by (namespace, name), index by owner uid
//!          ├► Held<K>: a text, decoded while somebody reads it
//!          └► Changes<K>: for each subscriber, texts that are decoded when they are taken
//! ```
//!
//! **Invariants**: objects iterate in key order; a change is in the map before its subscribers hear
//! of it; subscribers hear of every change in the order of the watch, and first of everything that
//! was there when they subscribed. `metadata.managedFields` is dropped.

mod changes;
mod feed;
mod held;
mod lines;
mod reader;
mod registry;
mod scan;
mod sink;
mod state;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use kube::core::{Selector, SelectorExt};
use tokio::sync::watch;

pub use self::changes::{Changes, News};
use self::reader::Reader;
pub use self::reader::Room;
pub use self::registry::Caches;
use self::sink::Brief;
use self::state::State;
use crate::{Object, ObjectKey};

/// One change of one object.
#[derive(Debug, Clone)]
pub enum Change<K> {
    /// The object appeared or changed.
    Applied {
        /// As it was; `None` where it is new to this subscriber.
        before: Option<Arc<K>>,
        /// As it is.
        object: Arc<K>,
    },
    /// The object is gone; this is its last known state.
    Removed(Arc<K>),
}

impl<K> Change<K> {
    /// The object concerned, in its newest known state.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Applied { object, .. } | Self::Removed(object) => object,
        }
    }
}

/// How far a cache has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    /// Whether a first list is in.
    synced: bool,
    /// Whether the kind is served, as far as is known.
    served: bool,
    revision: u64,
    changes: u64,
}

/// The objects of one kind, kept current by one watch. Clones share it.
pub struct Cache<K: Object>(Arc<Inner<K>>);

struct Inner<K: Object> {
    reader: Arc<Reader<K>>,
    state: RwLock<State<K>>,
    progress: watch::Sender<Progress>,
    /// Whether some object may be decoded.
    warmth: AtomicBool,
}

impl<K: Object> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Object> Cache<K> {
    fn new(path: String, room: Room) -> Self {
        let progress = watch::Sender::new(Progress::default());
        let reader = Arc::new(Reader::new(path, room));
        Self(Arc::new(Inner {
            state: RwLock::new(State::new(reader.clone())),
            reader,
            progress,
            warmth: AtomicBool::new(false),
        }))
    }

    fn read(&self) -> RwLockReadGuard<'_, State<K>> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a reader of objects.
    fn warm(&self) -> RwLockReadGuard<'_, State<K>> {
        self.0.warmth.store(true, Ordering::Relaxed);
        self.read()
    }

    /// The collection path of the kind, such as `/apis/apps/v1/deployments`.
    pub fn path(&self) -> &str {
        self.0.reader.path()
    }

    /// Waits until the first list is in.
    pub async fn synced(&self) {
        self.wait(|progress| progress.synced).await;
    }

    /// Waits until the cache has seen this revision of its kind. Where the kind is no longer served
    /// there is nothing left to see.
    pub async fn caught_up(&self, revision: u64) {
        self.wait(|progress| {
            progress.synced && (progress.revision >= revision || !progress.served)
        })
        .await;
    }

    /// Waits until the object with this uid is gone or on its way out.
    pub async fn seen_deleted(&self, key: &ObjectKey, uid: Option<&str>) {
        self.wait(|_| {
            self.get(key).is_none_or(|object| {
                object.meta().deletion_timestamp.is_some()
                    || uid.is_some_and(|uid| object.meta().uid.as_deref() != Some(uid))
            })
        })
        .await;
    }

    async fn wait(&self, mut until: impl FnMut(&Progress) -> bool) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self
            .0
            .progress
            .subscribe()
            .wait_for(|progress| until(progress))
            .await;
    }

    /// The newest revision seen, or 0 before the first list.
    pub fn revision(&self) -> u64 {
        self.0.progress.borrow().revision
    }

    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.warm().get(key)
    }

    /// One object by namespace and name (empty namespace: cluster-scoped).
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.get(&ObjectKey::new(namespace, name))
    }

    /// Every object, in key order.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.warm().all().collect()
    }

    /// The objects of one namespace, in the order of their names.
    pub fn list(&self, namespace: &str) -> Vec<Arc<K>> {
        self.warm().in_namespace(namespace).collect()
    }

    /// The objects of one namespace whose labels match.
    pub fn list_matching(&self, namespace: &str, selector: &Selector) -> Vec<Arc<K>> {
        let none = std::collections::BTreeMap::new();
        self.warm()
            .in_namespace(namespace)
            .filter(|object| selector.matches(object.meta().labels.as_ref().unwrap_or(&none)))
            .collect()
    }

    /// The objects that name this uid in any owner reference, in key order.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<K>> {
        self.warm().owned_by(uid).collect()
    }

    /// The objects of one namespace that no controller owns, in the order of their names.
    pub fn orphans(&self, namespace: &str) -> Vec<Arc<K>> {
        self.warm().orphans(namespace).collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A stream of changes that starts with everything present (in key order, as
    /// [`Change::Applied`] with no `before`).
    pub fn subscribe(&self) -> Changes<K> {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.subscribe()
    }

    /// What an object is called and who owns it. `None`, and a line in the log, where its text does not say.
    fn brief<'a>(&self, text: &'a [u8]) -> Option<Brief<'a>> {
        Brief::of(text)
            .map_err(|error| tracing::warn!(kind = self.path(), "left out: {error}"))
            .ok()
    }

    /// Lets go of decoded objects that nobody asked for since the last call but one.
    fn cool(&self) {
        self.0.reader.rest();
        if self.0.warmth.swap(false, Ordering::Relaxed) && self.read().cool() {
            self.0.warmth.store(true, Ordering::Relaxed);
        }
    }

    /// The kind is not served: it has no objects.
    fn clear(&self) {
        if self.0.progress.borrow().synced {
            self.update(0, |state| state.retain(&BTreeSet::new()));
            self.0
                .progress
                .send_modify(|progress| progress.served = false);
        }
    }

    fn update<T>(&self, revision: u64, change: impl FnOnce(&mut State<K>) -> T) -> T {
        let changed = change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner));
        self.0.progress.send_modify(|progress| {
            progress.revision = progress.revision.max(revision);
            progress.changes += 1;
        });
        changed
    }
}
