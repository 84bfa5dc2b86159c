//! What pipelines need of the rest of the world. This crate owns the traits; the binary adapts.

mod executor;
mod images;
mod logs;
mod secrets;
mod source;

pub use executor::{Command, Executor, Exit, Sandbox, SandboxRequest};
pub use images::{Build, Built, Finding, Images, Login, SbomFormat, Severity, Subject};
pub use logs::{Entry, Kind, Logs};
pub use secrets::{SecretSource, Settings};
pub use source::{CheckedOut, Checkout, Source, WorkflowFile};

/// Takes one line of output, without its line break.
pub type Line<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A port could not do what it was asked. The text is shown to users.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    what: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause; `what` says what failed, where, and what to do.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cause: None,
        }
    }

    /// An error with its cause.
    pub fn because(
        what: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            what: what.into(),
            cause: Some(cause.into()),
        }
    }
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// Everything a run needs, handed in once.
#[derive(Clone)]
pub struct Ports {
    /// Where steps run.
    pub executor: std::sync::Arc<dyn Executor>,
    /// Where repositories are.
    pub source: std::sync::Arc<dyn Source>,
    /// Builds, pushes, scans.
    pub images: std::sync::Arc<dyn Images>,
    /// Secrets and variables.
    pub secrets: std::sync::Arc<dyn SecretSource>,
    /// Where log lines go.
    pub logs: std::sync::Arc<dyn Logs>,
    /// Artifacts of runs, and caches between them.
    pub store: crate::store::Store,
    /// The time.
    pub clock: seatrial_clock::SharedClock,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}
