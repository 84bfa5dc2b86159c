//! An object at rest: the text it came as, and while somebody reads it what the text means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::sink;
use crate::Object;

/// An object of a cache. Its text is shared with the server where that is in this process; a decoded
/// object is several times as large, and of most objects nobody asks for a long time.
pub(super) struct Held<K> {
    text: Bytes,
    decoded: Mutex<Option<Arc<K>>>,
    /// Whether somebody asked since the last look of [`Held::cool`].
    warm: AtomicBool,
}

impl<K: Object> Held<K> {
    pub(super) fn new(text: Bytes, object: Arc<K>) -> Self {
        Self {
            text,
            decoded: Mutex::new(Some(object)),
            warm: AtomicBool::new(true),
        }
    }

    /// An object that nobody has asked for yet.
    pub(super) fn cold(text: Bytes) -> Self {
        Self {
            text,
            decoded: Mutex::new(None),
            warm: AtomicBool::new(false),
        }
    }

    /// The object; `None` where the text is none of its kind.
    pub(super) fn object(&self) -> Option<Arc<K>> {
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        self.warm.store(true, Ordering::Relaxed);
        if decoded.is_none() {
            let kind = std::any::type_name::<K>();
            *decoded = sink::read(kind, &self.text).ok().map(Arc::new);
        }
        decoded.clone()
    }

    /// Lets go of what nobody asked for since the last look. True where something is still decoded.
    pub(super) fn cool(&self) -> bool {
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.warm.swap(false, Ordering::Relaxed) {
            *decoded = None;
        }
        decoded.is_some()
    }
}
