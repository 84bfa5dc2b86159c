//! Objects as the store sees them: a key, a revision, selectable metadata, and bytes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Pairs;

/// The number of a change, counted over all kinds; what clients see as `resourceVersion`.
pub type Revision = u64;

/// Where an object stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The storage name of its kind, such as `pods` or `deployments.apps`: without the version,
    /// since all versions of a kind are one object.
    pub resource: Arc<str>,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl Key {
    /// A key from its three parts; `namespace` is empty for a cluster-scoped object.
    pub fn new(resource: impl Into<Arc<str>>, namespace: &str, name: &str) -> Self {
        Self {
            resource: resource.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(formatter, "{} {}", self.resource, self.name)
        } else {
            write!(
                formatter,
                "{} {}/{}",
                self.resource, self.namespace, self.name
            )
        }
    }
}

/// What selection needs to know without decoding an object. Every stored object has it, in memory
/// and on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `metadata.uid`.
    #[serde(rename = "u")]
    pub uid: Box<str>,
    /// `metadata.labels`.
    #[serde(rename = "l", default, skip_serializing_if = "Pairs::is_empty")]
    pub labels: Pairs,
    /// Values of the kind's selectable fields by path, such as `spec.nodeName`.
    #[serde(rename = "f", default, skip_serializing_if = "Pairs::is_empty")]
    pub fields: Pairs,
    /// Whether `metadata.deletionTimestamp` is set.
    #[serde(rename = "d", default)]
    pub deleting: bool,
}

/// An object at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub key: Key,
    /// The revision that wrote it.
    pub revision: Revision,
    /// The revision that created it.
    pub created: Revision,
    /// Its selectable metadata.
    pub metadata: Metadata,
    /// The encoded object, its revision included.
    pub bytes: Bytes,
}

/// An encoded object with a hole where its revision belongs.
///
/// The revision is known only when the change is committed, and encoding again then would cost
/// more than the commit itself; so the writer says where its digits go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    bytes: Vec<u8>,
    hole: usize,
}

impl Draft {
    /// A draft of `bytes` whose revision is to be inserted before the byte at `hole`.
    ///
    /// A `hole` beyond the end means the end.
    pub fn new(bytes: Vec<u8>, hole: usize) -> Self {
        let hole = hole.min(bytes.len());
        Self { bytes, hole }
    }

    /// The length without the revision, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The finished object at `revision`.
    pub fn fill(&self, revision: Revision) -> Bytes {
        let digits = revision.to_string();
        let mut filled = Vec::with_capacity(self.bytes.len() + digits.len());
        filled.extend_from_slice(&self.bytes[..self.hole]);
        filled.extend_from_slice(digits.as_bytes());
        filled.extend_from_slice(&self.bytes[self.hole..]);
        filled.into()
    }
}

/// What must be true of an object for a write to go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not exist.
    Absent,
    /// It exists at just this revision.
    Revision(Revision),
    /// It exists, at whatever revision.
    Present,
}

/// What to do with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Create or replace it.
    Put {
        /// Its bytes.
        draft: Draft,
        /// Its metadata.
        metadata: Metadata,
    },
    /// Remove it. The draft is its last state as watchers shall see it.
    Delete {
        /// Its last bytes.
        draft: Draft,
    },
}

/// One write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which object.
    pub key: Key,
    /// The precondition.
    pub expect: Expect,
    /// The change.
    pub change: Change,
}
