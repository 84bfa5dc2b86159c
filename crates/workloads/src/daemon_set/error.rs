//! What can go wrong with a DaemonSet.

use seatrial_controller::{Class, Classify, write};

use crate::selector;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the DaemonSet has no spec")]
    NoSpec,
    /// The selector cannot be used.
    #[error("read the selector")]
    Selector(#[from] selector::Error),
    /// A limit of the update is neither a number nor a percentage.
    #[error("spec.updateStrategy.rollingUpdate.{0} is neither a number nor a percentage")]
    Limit(&'static str),
    /// A matching orphan could not be taken over.
    #[error("adopt a pod")]
    Adopt(#[source] write::Error),
    /// A pod that no longer matches could not be let go.
    #[error("release a pod")]
    Release(#[source] write::Error),
    /// A revision could not be written or removed.
    #[error("write the revision history")]
    History(#[source] write::Error),
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
            Self::NoSpec | Self::Selector(_) | Self::Limit(_) => Class::Terminal,
            _ => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec | Self::Limit(_) => "InvalidSpec",
            Self::Selector(_) => "SelectingAll",
            Self::Adopt(_) => "FailedAdopt",
            Self::Release(_) => "FailedRelease",
            Self::History(_) => "FailedUpdateHistory",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
        }
    }
}
