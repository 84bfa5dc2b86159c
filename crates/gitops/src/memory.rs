//! What is remembered about an application between passes. All of it can be made again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use seatrial_controller::ObjectKey;

use crate::compare::Verdicts;
use crate::manifest::SourceType;
use crate::target::Targets;

/// How many renderings are kept for one application: its target, and what is rolled back to.
const RENDERINGS: usize = 3;

/// One source at one revision, rendered.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) commit: String,
    pub(crate) source_type: SourceType,
    pub(crate) targets: Arc<Targets>,
}

/// What is remembered of one application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// What was asked for (a source and a revision), and what it gave.
    pub(crate) rendered: Vec<(String, Result<Rendered, String>)>,
    pub(crate) verdicts: Verdicts,
    /// When the source is to be read again.
    pub(crate) due: Option<Timestamp>,
}

impl Memory {
    pub(crate) fn find(&self, request: &str) -> Option<Result<Rendered, String>> {
        let known = self.rendered.iter().find(|(known, _)| known == request);
        known.map(|(_, result)| result.clone())
    }

    pub(crate) fn keep(&mut self, request: String, result: Result<Rendered, String>) {
        self.rendered.retain(|(known, _)| *known != request);
        self.rendered.push((request, result));
        if self.rendered.len() > RENDERINGS {
            drop(self.rendered.remove(0));
        }
    }
}

/// The memories of all applications, and which of them have stale sources.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    all: Mutex<BTreeMap<ObjectKey, Memory>>,
    stale: Mutex<BTreeSet<ObjectKey>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memories {
    /// Takes an application's memory out; nobody else works on it meanwhile.
    pub(crate) fn take(&self, key: &ObjectKey) -> Memory {
        lock(&self.all).remove(key).unwrap_or_default()
    }

    pub(crate) fn put(&self, key: ObjectKey, memory: Memory) {
        lock(&self.all).insert(key, memory);
    }

    pub(crate) fn forget(&self, key: &ObjectKey) {
        lock(&self.all).remove(key);
        lock(&self.stale).remove(key);
    }

    /// Says that the sources of these applications have changed.
    pub(crate) fn mark(&self, keys: &[ObjectKey]) {
        lock(&self.stale).extend(keys.iter().cloned());
    }

    /// Whether an application's source has changed; asked once.
    pub(crate) fn take_mark(&self, key: &ObjectKey) -> bool {
        lock(&self.stale).remove(key)
    }
}
