//! What can go wrong with a Rollout.

use seatrial_controller::{Class, Classify, write};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec asks for something impossible, or that this version cannot do.
    #[error("The Rollout \"{name}\" is invalid: {field}: {detail}")]
    InvalidSpec {
        /// The rollout.
        name: String,
        /// The field.
        field: String,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// Something that the spec names does not exist (yet).
    #[error("The Rollout \"{name}\" is invalid: {field}: Invalid value: \"{value}\": {detail}")]
    Missing {
        /// The rollout.
        name: String,
        /// The field.
        field: String,
        /// What it names.
        value: String,
        /// Where it was looked for.
        detail: String,
    },
    /// The replica set of the newest template could not be created.
    #[error("create the replica set {0}")]
    Create(String, #[source] write::Error),
    /// A replica set could not be changed.
    #[error("scale the replica set {0}")]
    Scale(String, #[source] write::Error),
    /// A service could not be pointed at a replica set.
    #[error("point the service {0}")]
    Service(String, #[source] write::Error),
    /// The weights could not be written.
    #[error("set the weights of the virtual service {0}")]
    Weights(String, #[source] write::Error),
    /// An analysis run could not be started.
    #[error("start the analysis run {0}")]
    StartAnalysis(String, #[source] write::Error),
    /// An analysis run could not be stopped.
    #[error("stop the analysis run {0}")]
    StopAnalysis(String, #[source] write::Error),
    /// A pod could not be taken away for a restart.
    #[error("evict the pod {0}")]
    Evict(String, #[source] write::Error),
    /// Something old could not be removed.
    #[error("remove {0}")]
    CleanUp(String, #[source] write::Error),
    /// The revision could not be noted.
    #[error("note the revision")]
    Revision(#[source] write::Error),
}

impl Error {
    /// Whether it is the spec that has to change, or what it names.
    pub(crate) fn is_invalid_spec(&self) -> bool {
        matches!(self, Self::InvalidSpec { .. } | Self::Missing { .. })
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::InvalidSpec { .. } => Class::Terminal,
            _ => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        if self.is_invalid_spec() {
            "InvalidSpec"
        } else {
            "RolloutReconcileError"
        }
    }
}
