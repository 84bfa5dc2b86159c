//! Finding records in an ordered set by what they themselves say.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::{Key, Record};

/// Where an object stands among those of its resource. Objects are found by it without a key of
/// their own: the record has it.
pub(crate) trait Placed {
    fn place(&self) -> (&str, &str);
}

impl Placed for (&str, &str) {
    fn place(&self) -> (&str, &str) {
        *self
    }
}

pub(crate) fn place(key: &Key) -> (&str, &str) {
    (&key.namespace, &key.name)
}

impl PartialEq for dyn Placed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Placed + '_ {}

impl PartialOrd for dyn Placed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Placed + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// A record, ordered by its place.
pub(crate) struct Shelved(pub(crate) Arc<Record>);

impl Placed for Shelved {
    fn place(&self) -> (&str, &str) {
        place(&self.0.key)
    }
}

impl<'a> Borrow<dyn Placed + 'a> for Shelved {
    fn borrow(&self) -> &(dyn Placed + 'a) {
        self
    }
}

impl PartialEq for Shelved {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Shelved {}

impl PartialOrd for Shelved {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Shelved {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}
