//! Where files come from: a port that the composition fills.

use std::sync::Arc;

use seatrial_render::Files;

/// The files of one commit.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it, as `Name <address>`.
    pub author: String,
    /// The whole tree.
    pub files: Arc<Files>,
}

/// Why files cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nobody knows the repository.
    #[error("failed to get git client for repo {url}: repository not found")]
    UnknownRepository {
        /// What was asked for.
        url: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("unable to resolve '{revision}' to a commit SHA in {url}")]
    UnknownRevision {
        /// The repository.
        url: String,
        /// What was asked for.
        revision: String,
    },
    /// The repository could not be read.
    #[error("failed to fetch {url}: {detail}")]
    Unreadable {
        /// The repository.
        url: String,
        /// Why.
        detail: String,
    },
}

/// Gives the files of repositories.
#[async_trait::async_trait]
pub trait Source: Send + Sync + 'static {
    /// The files of `revision` (a branch, a tag, a commit, or `HEAD`) of the repository at `url`.
    async fn fetch(&self, url: &str, revision: &str) -> Result<Fetched, SourceError>;
}
