//! What can go wrong with a ReplicaSet.

use seatrial_controller::{Class, Classify, write};

use crate::{ownership, selector};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the ReplicaSet has no spec")]
    NoSpec,
    /// The selector cannot be used.
    #[error("read the selector")]
    Selector(#[from] selector::Error),
    /// A child could not change hands.
    #[error(transparent)]
    Ownership(#[from] ownership::Error),
    /// A pod could not be created.
    #[error("Error creating")]
    Create(#[source] write::Error),
    /// A pod could not be deleted.
    #[error("Error deleting")]
    Delete(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSpec | Self::Selector(_) => Class::Terminal,
            // A pod that is refused now may be accepted after an admission rule or a limit
            // changed; the back-off makes trying cheap. So does upstream.
            Self::Ownership(_) | Self::Create(_) | Self::Delete(_) => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec | Self::Selector(_) => "SelectingAll",
            Self::Ownership(error) => error.reason(),
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
        }
    }
}
