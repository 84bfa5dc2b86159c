//! What can go wrong with a StatefulSet.

use seatrial_controller::{Class, Classify, write};

use crate::{ownership, selector};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the StatefulSet has no spec")]
    NoSpec,
    /// The selector cannot be used.
    #[error("read the selector")]
    Selector(#[from] selector::Error),
    /// A number is neither a number nor a percentage.
    #[error(
        "spec.updateStrategy.rollingUpdate.maxUnavailable: `{0}` is neither a number nor a percentage"
    )]
    MaxUnavailable(String),
    /// A child could not change hands.
    #[error(transparent)]
    Ownership(#[from] ownership::Error),
    /// A revision could not be written or removed.
    #[error("write the revision history")]
    History(#[source] write::Error),
    /// A claim could not be created.
    #[error("create Claim {claim} for Pod {pod} in StatefulSet {set} failed error")]
    CreateClaim {
        /// The claim.
        claim: String,
        /// The pod that needs it.
        pod: String,
        /// The set.
        set: String,
        /// Why.
        #[source]
        source: write::Error,
    },
    /// A claim's owners could not be changed.
    #[error("update the owners of a claim")]
    OwnClaim(#[source] write::Error),
    /// A pod could not be created.
    #[error("create Pod {pod} in StatefulSet {set} failed error")]
    Create {
        /// The pod.
        pod: String,
        /// The set.
        set: String,
        /// Why.
        #[source]
        source: write::Error,
    },
    /// A pod could not be changed.
    #[error("update Pod {pod} in StatefulSet {set} failed error")]
    Amend {
        /// The pod.
        pod: String,
        /// The set.
        set: String,
        /// Why.
        #[source]
        source: write::Error,
    },
    /// A pod could not be deleted.
    #[error("delete Pod {pod} in StatefulSet {set} failed error")]
    Delete {
        /// The pod.
        pod: String,
        /// The set.
        set: String,
        /// Why.
        #[source]
        source: write::Error,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSpec | Self::Selector(_) | Self::MaxUnavailable(_) => Class::Terminal,
            _ => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec | Self::MaxUnavailable(_) => "InvalidSpec",
            Self::Selector(_) => "SelectingAll",
            Self::Ownership(error) => error.reason(),
            Self::History(_) => "FailedUpdateHistory",
            Self::Create { .. } | Self::CreateClaim { .. } => "FailedCreate",
            Self::Amend { .. } | Self::OwnClaim(_) => "FailedUpdate",
            Self::Delete { .. } => "FailedDelete",
        }
    }
}
