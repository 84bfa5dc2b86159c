//! What subscribers hear, still text until they ask.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, error::TryRecvError};

use super::Change;
use super::held::Held;
use super::reader::Reader;
use crate::{Object, ObjectKey};

/// After so many objects of those that were there a subscriber lets the others take their turn, so
/// that all of them come past an object while it is decoded.
const TURN: u8 = 32;

/// A change whose object nobody has decoded for this subscriber yet.
pub struct News<K: Object> {
    told: Told<K>,
    reader: Arc<Reader<K>>,
}

/// What happened to an object.
pub(super) enum Told<K> {
    Applied {
        before: Option<Arc<Held<K>>>,
        object: Arc<Held<K>>,
    },
    Removed(Arc<Held<K>>),
}

impl<K> Clone for Told<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Applied { before, object } => Self::Applied {
                before: before.clone(),
                object: object.clone(),
            },
            Self::Removed(object) => Self::Removed(object.clone()),
        }
    }
}

impl<K: Object> News<K> {
    fn held(&self) -> &Arc<Held<K>> {
        match &self.told {
            Told::Applied { object, .. } | Told::Removed(object) => object,
        }
    }

    /// Which object it is about.
    pub fn key(&self) -> &ObjectKey {
        &self.held().key
    }

    /// Whether the object is gone.
    pub fn is_removal(&self) -> bool {
        matches!(self.told, Told::Removed(_))
    }

    /// Whether the object is new to this subscriber.
    pub fn is_new(&self) -> bool {
        matches!(self.told, Told::Applied { before: None, .. })
    }

    /// Whether a word occurs anywhere in the text of the object: a cheap way to leave out most.
    pub fn mentions(&self, word: &str) -> bool {
        contains(&self.held().text, word.as_bytes())
    }

    /// The change with its objects. `None` where nothing of it can be read as its kind; an object that
    /// could be read and can be no more counts as gone.
    pub fn read(&self) -> Option<Change<K>> {
        match &self.told {
            Told::Applied { before, object } => {
                let before = before.as_ref().and_then(|held| held.glance(&self.reader));
                match (before, object.glance(&self.reader)) {
                    (before, Some(object)) => Some(Change::Applied { before, object }),
                    (before, None) => before.map(Change::Removed),
                }
            }
            Told::Removed(held) => held.glance(&self.reader).map(Change::Removed),
        }
    }
}

/// Whether `word` occurs in `text`.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else {
        return true;
    };
    let mut left = text;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

/// A stream of changes: first everything that was there, then every change.
///
/// What waits in it is text; an object is decoded when it is taken. The queue is unbounded: read it,
/// or drop it.
pub struct Changes<K: Object> {
    reader: Arc<Reader<K>>,
    present: std::vec::IntoIter<Arc<Held<K>>>,
    later: UnboundedReceiver<Told<K>>,
    /// How many of those that were there were taken since others had their turn.
    taken: u8,
}

impl<K: Object> Changes<K> {
    pub(super) fn new(
        reader: Arc<Reader<K>>,
        present: Vec<Arc<Held<K>>>,
    ) -> (mpsc::UnboundedSender<Told<K>>, Self) {
        let (sender, later) = mpsc::unbounded_channel();
        let changes = Self {
            reader,
            present: present.into_iter(),
            later,
            taken: 0,
        };
        (sender, changes)
    }

    fn first(&mut self) -> Option<News<K>> {
        let Some(object) = self.present.next() else {
            // The memory of the list goes too.
            self.present = Vec::new().into_iter();
            return None;
        };
        self.taken += 1;
        Some(self.wrap(Told::Applied {
            before: None,
            object,
        }))
    }

    fn wrap(&self, told: Told<K>) -> News<K> {
        let reader = self.reader.clone();
        News { told, reader }
    }

    async fn take_turns(&mut self) {
        if self.taken >= TURN {
            self.taken = 0;
            tokio::task::yield_now().await;
        }
    }

    /// The next of the objects that were there at the beginning; `None` after the last. Nothing is lost
    /// when the future is dropped.
    pub async fn present(&mut self) -> Option<Arc<K>> {
        loop {
            self.take_turns().await;
            if let Some(Change::Applied { object, .. }) = self.first()?.read() {
                return Some(object);
            }
        }
    }

    /// The next change, not decoded; `None` where the cache is no more. Nothing is lost when the future
    /// is dropped.
    pub async fn news(&mut self) -> Option<News<K>> {
        self.take_turns().await;
        if let Some(first) = self.first() {
            return Some(first);
        }
        let told = self.later.recv().await?;
        Some(self.wrap(told))
    }

    /// The next change, not decoded, if there is one.
    pub fn try_news(&mut self) -> Result<News<K>, TryRecvError> {
        if let Some(first) = self.first() {
            return Ok(first);
        }
        let told = self.later.try_recv()?;
        Ok(self.wrap(told))
    }

    /// The next change; `None` where the cache is no more. Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Change<K>> {
        loop {
            if let Some(change) = self.news().await?.read() {
                return Some(change);
            }
        }
    }

    /// The next change, if there is one.
    pub fn try_recv(&mut self) -> Result<Change<K>, TryRecvError> {
        loop {
            if let Some(change) = self.try_news()?.read() {
                return Ok(change);
            }
        }
    }

    /// Forgets everything that waits, unread.
    pub fn skip(&mut self) {
        self.present = Vec::new().into_iter();
        while self.later.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn a_word_is_found_wherever_it_is() {
        let found = |text: &str, word: &str| contains(text.as_bytes(), word.as_bytes());
        assert!(found("aab", "ab") && found("ab", "ab") && found("x", "") && found("aaab", "aab"));
        assert!(!found("a", "ab") && !found("ba", "ab") && !found("", "a"));
    }
}
