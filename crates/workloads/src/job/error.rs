//! What can go wrong with a Job.

use seatrial_controller::{Class, Classify, write};

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the Job has no spec")]
    NoSpec,
    /// The job asks for something that is not done here.
    #[error("spec.{0} is not supported: remove the field")]
    Unsupported(&'static str),
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
            Self::NoSpec | Self::Unsupported(_) => Class::Terminal,
            Self::Create(error) => error.class(),
            Self::Delete(_) | Self::Expire(_) => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec | Self::Unsupported(_) => "InvalidSpec",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
            Self::Expire(_) => "FailedExpire",
        }
    }
}
