//! What can go wrong in the store.

use std::path::PathBuf;

use crate::{Key, Revision};

/// A write or an opening failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A precondition did not hold; nothing was written.
    #[error("{key} is not in the expected state (found revision {found:?})")]
    Conflict {
        /// The object.
        key: Key,
        /// Its present revision, or none where it does not exist.
        found: Option<Revision>,
    },
    /// The directory is in use by another process.
    #[error("the data directory {} is in use by another process", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory or the database in it could not be opened.
    #[error("cannot open the data directory {}", directory.display())]
    Open {
        /// The directory.
        directory: PathBuf,
        /// What the system or the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database holds something this version cannot read.
    #[error("the data directory {} is damaged: {detail}", directory.display())]
    Damaged {
        /// The directory.
        directory: PathBuf,
        /// What was found, and where.
        detail: String,
    },
    /// The disk refused a batch; nothing of it is visible. Each later write tries anew.
    #[error(
        "cannot write to disk: {detail}; nothing is lost, and changes are taken again once it can be written to"
    )]
    Append {
        /// What the engine said.
        detail: String,
    },
    /// There is no room for a batch; nothing of it is visible. Each later write tries anew.
    #[error(
        "no space left on the disk: {detail}; nothing is lost, and changes are taken again once there is space"
    )]
    Full {
        /// What the system said.
        detail: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// The watch log no longer reaches back far enough; list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("revision {asked} is too old: the log starts after {oldest}")]
pub struct Compacted {
    /// The revision that was asked for.
    pub asked: Revision,
    /// The oldest revision after which changes are still known.
    pub oldest: Revision,
}
