//! What can go wrong with a ReplicaSet.

use seatrial_controller::{Class, Classify, write};

use crate::selector;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the ReplicaSet has no spec")]
    NoSpec,
    /// The selector cannot be used.
    #[error("read the selector")]
    Selector(#[from] selector::Error),
    /// A matching orphan could not be taken over.
    #[error("adopt a pod")]
    Adopt(#[source] write::Error),
    /// A pod that no longer matches could not be let go.
    #[error("release a pod")]
    Release(#[source] write::Error),
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
            Self::Adopt(_) | Self::Release(_) | Self::Create(_) | Self::Delete(_) => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec | Self::Selector(_) => "SelectingAll",
            Self::Adopt(_) => "FailedAdopt",
            Self::Release(_) => "FailedRelease",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
        }
    }
}
