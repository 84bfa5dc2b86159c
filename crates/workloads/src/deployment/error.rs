//! What can go wrong with a Deployment.

use seatrial_controller::{Class, Classify, write};

use crate::{ownership, selector};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the Deployment has no spec")]
    NoSpec,
    /// The selector cannot be used.
    #[error("read the selector")]
    Selector(#[from] selector::Error),
    /// A limit of the rolling update is neither a number nor a percentage.
    #[error("spec.strategy.rollingUpdate.{field}: `{value}` is neither a number nor a percentage")]
    Limit {
        /// `maxSurge` or `maxUnavailable`.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// The strategy is unknown.
    #[error("spec.strategy.type: `{0}` is neither RollingUpdate nor Recreate")]
    Strategy(String),
    /// A child could not change hands.
    #[error(transparent)]
    Ownership(#[from] ownership::Error),
    /// The replica set of the newest template could not be created.
    #[error("Failed to create new replica set")]
    Create(#[source] write::Error),
    /// A replica set could not be scaled or annotated.
    #[error("update a replica set")]
    Update(#[source] write::Error),
    /// An old replica set could not be removed.
    #[error("clean up an old replica set")]
    CleanUp(#[source] write::Error),
    /// The revision could not be noted.
    #[error("note the revision")]
    Revision(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSpec | Self::Selector(_) | Self::Limit { .. } | Self::Strategy(_) => {
                Class::Terminal
            }
            _ => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Create(_) => "ReplicaSetCreateError",
            Self::Selector(_) => "SelectingAll",
            Self::NoSpec | Self::Limit { .. } | Self::Strategy(_) => "InvalidSpec",
            _ => "ReconcileError",
        }
    }
}
