//! What can go wrong with a Job.

use seatrial_controller::{Class, Classify, write};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the Job has no spec")]
    NoSpec,
    /// A matching orphan could not be taken over.
    #[error("adopt a pod")]
    Adopt(#[source] write::Error),
    /// A pod that no longer matches could not be let go.
    #[error("release a pod")]
    Release(#[source] write::Error),
    /// A counted pod's finalizer could not be removed.
    #[error("remove the finalizer of a pod")]
    Strip(#[source] write::Error),
    /// A pod could not be created.
    #[error("Error creating")]
    Create(#[source] write::Error),
    /// A pod could not be deleted.
    #[error("Error deleting")]
    Delete(#[source] write::Error),
    /// The job's time to live is over, but it could not be deleted.
    #[error("delete the finished job")]
    Expire(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSpec => Class::Terminal,
            Self::Create(error) => error.class(),
            _ => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec => "InvalidSpec",
            Self::Adopt(_) => "FailedAdopt",
            Self::Release(_) => "FailedRelease",
            Self::Strip(_) => "FailedUpdate",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
            Self::Expire(_) => "FailedExpire",
        }
    }
}
