//! Where repositories are.

use std::path::PathBuf;

use async_trait::async_trait;

use super::Error;

/// The Git server, seen from a pipeline.
#[async_trait]
pub trait Source: Send + Sync {
    /// Writes a commit's files into a directory, with a `.git` whose `origin` can be pushed to.
    async fn checkout(&self, checkout: Checkout) -> Result<CheckedOut, Error>;

    /// The files under `.github/workflows` (`*.yml`, `*.yaml`) at a commit, in order of their
    /// paths; empty where there is no such directory.
    async fn workflows(&self, repository: &str, commit: &str) -> Result<Vec<WorkflowFile>, Error>;

    /// The token with which a run pushes to its repository, as the user
    /// [`PIPELINE_USER`](crate::PIPELINE_USER): what it pushes starts no new run.
    async fn token(&self, repository: &str) -> Result<String, Error>;

    /// The address under which repositories are served, such as `http://127.0.0.1:7080`
    /// (`github.server_url`).
    fn server_url(&self) -> String;
}

/// What to check out, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The Repository object's name.
    pub repository: String,
    /// A commit, a branch, a tag or a full ref name.
    pub revision: String,
    /// The branch to be on, such as `main`, where the commit belongs to one: `git push` without
    /// arguments then pushes to it. Otherwise the head is detached.
    pub branch: Option<String>,
    /// How many commits of history; `None` for all.
    pub depth: Option<u32>,
    /// An existing, empty directory.
    pub directory: PathBuf,
    /// The token for `origin`; `None` to leave no credentials behind.
    pub token: Option<String>,
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
}

/// A workflow file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile {
    /// Its path in the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}
