//! Why a build ended.

use std::path::PathBuf;

use crate::dockerfile;

/// A failed build, in words for whoever asked for it. `Display` omits the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Dockerfile is wrong, or asks for what is not there: file and line say where.
    #[error(transparent)]
    Dockerfile(#[from] dockerfile::Error),
    /// There is no Dockerfile.
    #[error("there is no Dockerfile at {}; name another one with --file", path.display())]
    NoDockerfile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A command of a `RUN` failed.
    #[error("{file}:{line}: RUN {command} ended with exit code {code}")]
    Failed {
        /// The Dockerfile.
        file: String,
        /// The line.
        line: usize,
        /// The command as written, shortened.
        command: String,
        /// Its exit code; 128 and more for a signal.
        code: i32,
    },
    /// A `RUN` could not be started.
    #[error("{file}:{line}: RUN {command} cannot be run: {reason}")]
    NotRun {
        /// The Dockerfile.
        file: String,
        /// The line.
        line: usize,
        /// The command as written, shortened.
        command: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The base image is not to be had.
    #[error("{file}:{line}: base image {image:?} is not to be had")]
    Base {
        /// The Dockerfile.
        file: String,
        /// The line.
        line: usize,
        /// The image.
        image: String,
        /// Why not.
        #[source]
        source: Box<crate::Error>,
    },
    /// The image store failed.
    #[error(transparent)]
    Image(#[from] crate::Error),
}

impl Error {
    pub(super) fn dockerfile(file: &str, line: usize, problem: impl Into<String>) -> Self {
        Self::Dockerfile(dockerfile::Error {
            file: file.to_owned(),
            line,
            problem: problem.into(),
        })
    }
}
