//! An object at rest: the text it came as, and while somebody reads it what the text means.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::reader::Reader;
use crate::{Object, ObjectKey};

/// An object of a cache. Its text is shared with the server where that is in this process; a decoded
/// object is several times as large, and of most objects nobody asks for a long time.
pub(super) struct Held<K> {
    pub(super) key: ObjectKey,
    pub(super) text: Bytes,
    /// What it is indexed under: the uids of its owners, and the mark of having no controller.
    pub(super) owners: Box<[Arc<str>]>,
    decoded: Mutex<Option<Arc<K>>>,
    /// Whether somebody asked since the last look of [`Held::cool`].
    warm: AtomicBool,
    /// Whether the text is none of the kind. It was said once.
    unreadable: AtomicBool,
}

impl<K> Held<K> {
    pub(super) fn new(key: ObjectKey, text: Bytes, owners: Box<[Arc<str>]>) -> Self {
        Self {
            key,
            text,
            owners,
            decoded: Mutex::new(None),
            warm: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
        }
    }

    fn decoded(&self) -> MutexGuard<'_, Option<Arc<K>>> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of what nobody asked for since the last look. True where something is still decoded.
    pub(super) fn cool(&self) -> bool {
        let mut decoded = self.decoded();
        if !self.warm.swap(false, Memory::Relaxed) {
            *decoded = None;
        }
        decoded.is_some()
    }

    /// Lets go of what was decoded in passing, unless somebody asked for it since.
    pub(super) fn pass(&self) {
        if !self.warm.load(Memory::Relaxed) {
            *self.decoded() = None;
        }
    }
}

impl<K: Object> Held<K> {
    /// The object, which will be asked for again; `None` where the text is none of its kind.
    pub(super) fn object(&self, reader: &Reader<K>) -> Option<Arc<K>> {
        let mut decoded = self.decoded();
        self.warm.store(true, Memory::Relaxed);
        if decoded.is_none() {
            *decoded = self.decode(reader);
        }
        decoded.clone()
    }

    /// The object for one look, which others are likely to take about now as well.
    pub(super) fn glance(self: &Arc<Self>, reader: &Reader<K>) -> Option<Arc<K>> {
        let mut decoded = self.decoded();
        if decoded.is_none() {
            *decoded = self.decode(reader);
            let object = decoded.clone();
            drop(decoded);
            reader.passed(self);
            return object;
        }
        decoded.clone()
    }

    fn decode(&self, reader: &Reader<K>) -> Option<Arc<K>> {
        if self.unreadable.load(Memory::Relaxed) {
            return None;
        }
        let object = reader.read(&self.text);
        self.unreadable.store(object.is_none(), Memory::Relaxed);
        object
    }
}

/// An object in its place among the others.
pub(super) struct Kept<K>(pub(super) Arc<Held<K>>);

impl<K> Borrow<ObjectKey> for Kept<K> {
    fn borrow(&self) -> &ObjectKey {
        &self.0.key
    }
}

impl<K> PartialEq for Kept<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl<K> Eq for Kept<K> {}

impl<K> PartialOrd for Kept<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Kept<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.cmp(&other.0.key)
    }
}
