//! What can go wrong with a repository.

use std::path::PathBuf;
use std::time::Duration;

/// A failed step, in words for whoever asked. `Display` omits the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no `git` to run.
    #[error(
        "the program `git` is not in PATH; install it (Debian and Ubuntu: `apt-get install git`, macOS: `xcode-select --install`)"
    )]
    GitMissing,
    /// A directory or file of the server could not be used.
    #[error("cannot {step} {}", path.display())]
    Directory {
        /// What was tried, as a verb.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// `git` could not be started.
    #[error("cannot start `git {command}`")]
    Start {
        /// The sub-command.
        command: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// `git` ended badly.
    #[error("`git {command}` failed: {message}")]
    Git {
        /// The sub-command.
        command: String,
        /// What it wrote to standard error, shortened.
        message: String,
    },
    /// `git` took too long and was stopped.
    #[error("`git {command}` took longer than {limit:?} and was stopped")]
    TimedOut {
        /// The sub-command.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// A name that cannot be a repository's.
    #[error("repository name {name:?} is not allowed: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// No such repository on this server.
    #[error(
        "there is no repository {name:?} on this server; create it with a Repository object or by pushing to it with a token"
    )]
    UnknownRepository {
        /// The name.
        name: String,
    },
    /// A URL that is neither mapped to a local repository nor reachable by HTTP.
    #[error("repository URL {url:?} cannot be used: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A repository elsewhere did not answer as one.
    #[error("cannot fetch {url}: {reason}")]
    Remote {
        /// The URL.
        url: String,
        /// `git`'s reason, shortened.
        reason: String,
    },
    /// A revision that the repository does not have.
    #[error(
        "revision {revision:?} does not exist in repository {repository}{}",
        known_branches(branches)
    )]
    UnknownRevision {
        /// The repository's name or URL.
        repository: String,
        /// The revision.
        revision: String,
        /// The branches that do exist.
        branches: Vec<String>,
    },
    /// A path that the commit does not have.
    #[error("path {path:?} does not exist in commit {commit} of repository {repository}")]
    UnknownPath {
        /// The repository's name or URL.
        repository: String,
        /// The commit.
        commit: String,
        /// The path.
        path: String,
    },
    /// A tree that holds something which must not be written to disk.
    #[error("path {path:?} in commit {commit} is refused: {reason}")]
    UnsafePath {
        /// The commit.
        commit: String,
        /// The path.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// `git` answered in a form that was not understood.
    #[error("`git {command}` answered in an unknown form: {detail}")]
    Answer {
        /// The sub-command.
        command: String,
        /// What was seen.
        detail: String,
    },
    /// The API server refused an object.
    #[error("cannot {step} {object}")]
    Api {
        /// What was tried, as a verb.
        step: &'static str,
        /// Kind and name.
        object: String,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
}

fn known_branches(branches: &[String]) -> String {
    match branches {
        [] => " (it has no branches yet)".to_owned(),
        some => format!(
            " (branches: {})",
            some.iter().take(8).cloned().collect::<Vec<_>>().join(", ")
        ),
    }
}

impl Error {
    pub(crate) fn directory(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Directory { step, path, source }
    }

    pub(crate) fn api(
        step: &'static str,
        object: impl Into<String>,
    ) -> impl FnOnce(kube::Error) -> Self {
        let object = object.into();
        move |source| Self::Api {
            step,
            object,
            source: Box::new(source),
        }
    }
}
