//! How texts of one kind become objects, and what was read last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::held::Held;
use super::sink;
use crate::Object;

/// Does a piece of work where its memory is kept apart from everybody else's.
///
/// Decoded objects are large, made of many small pieces, and soon let go. Pieces that stay, laid
/// between theirs, would keep whole pages from being given back.
pub type Room = fn(&mut dyn FnMut());

/// The room where nothing is kept apart.
pub(super) fn anywhere(work: &mut dyn FnMut()) {
    work();
}

/// How much text may be decoded only because subscribers have just passed it. They hear of the same
/// objects at about the same time, so a little is enough for most to be decoded once.
const PASSING: usize = 1 << 20;

/// Reads the texts of one kind.
pub(super) struct Reader<K> {
    path: String,
    room: Room,
    recent: Mutex<Recent<K>>,
}

struct Recent<K> {
    held: VecDeque<Arc<Held<K>>>,
    bytes: usize,
}

impl<K> Reader<K> {
    pub(super) fn new(path: String, room: Room) -> Self {
        let held = VecDeque::new();
        Self {
            path,
            room,
            recent: Mutex::new(Recent { held, bytes: 0 }),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn recent(&self) -> MutexGuard<'_, Recent<K>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what was decoded in passing, and lets go of what that was a while ago.
    pub(super) fn passed(&self, held: &Arc<Held<K>>) {
        let mut recent = self.recent();
        recent.bytes += held.text.len();
        recent.held.push_back(held.clone());
        while recent.bytes > PASSING
            && let Some(oldest) = recent.held.pop_front()
        {
            recent.bytes -= oldest.text.len();
            oldest.pass();
        }
    }

    /// Lets go of everything that was decoded in passing.
    pub(super) fn rest(&self) {
        let mut recent = self.recent();
        recent.bytes = 0;
        for held in std::mem::take(&mut recent.held) {
            held.pass();
        }
    }
}

impl<K: Object> Reader<K> {
    /// The object that a text means; `None` where it is none of this kind, which is logged.
    pub(super) fn read(&self, text: &[u8]) -> Option<Arc<K>> {
        let mut object = None;
        (self.room)(&mut || object = sink::read(&self.path, text).map(Arc::new));
        object
    }
}
