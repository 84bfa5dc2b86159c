//! What can go wrong with a DaemonSet.

use seatrial_controller::{Class, Classify, write};

use crate::{ownership, selector};

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
    /// A child could not change hands.
    #[error(transparent)]
    Ownership(#[from] ownership::Error),
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
            Self::Ownership(error) => error.reason(),
            Self::History(_) => "FailedUpdateHistory",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
        }
    }
}
