//! What can go wrong around an Application. What is wrong *with* it goes into its conditions.

use seatrial_controller::{Class, Classify, write};

/// A pass over an Application could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The refresh annotation could not be taken away.
    #[error("take the refresh annotation from the application")]
    ClearRefresh(#[source] write::Error),
    /// The requested operation could not be taken over.
    #[error("take over the requested operation")]
    AcceptOperation(#[source] write::Error),
    /// The finalizer could not be removed.
    #[error("remove the application's finalizer")]
    RemoveFinalizer(#[source] write::Error),
    /// An object of the application could not be deleted.
    #[error("delete {object}: {message}")]
    Delete {
        /// The object.
        object: String,
        /// The server's answer.
        message: String,
    },
    /// An object of the application could not be read.
    #[error("read {object}: {message}")]
    Read {
        /// The object.
        object: String,
        /// The server's answer.
        message: String,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }
}
