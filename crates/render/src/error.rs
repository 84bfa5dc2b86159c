//! What can be wrong with files.

/// A folder could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file is not YAML, or not what its place asks for.
    #[error("{file}{}: {detail}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// The file, from the top of the repository.
        file: String,
        /// The line, where it is known.
        line: Option<u64>,
        /// What is wrong.
        detail: String,
    },
    /// A file or folder that another one names does not exist.
    #[error("{named_in}: {path} does not exist ({field})")]
    Missing {
        /// Who names it.
        named_in: String,
        /// The missing path, from the top of the repository.
        path: String,
        /// In which field.
        field: String,
    },
    /// A folder without a kustomization.
    #[error("{folder} has no kustomization.yaml, kustomization.yml or Kustomization")]
    NoKustomization {
        /// The folder.
        folder: String,
    },
    /// The folder does not exist.
    #[error("the folder {folder} does not exist in the source")]
    NoFolder {
        /// The folder.
        folder: String,
    },
    /// A field that exists in the format and that Seatrial cannot carry out.
    #[error("{file}: the field {field} is not supported yet; {advice}")]
    Unsupported {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What to do instead.
        advice: String,
    },
    /// A field says something that cannot be done to these objects.
    #[error("{file}: {field}: {detail}")]
    Invalid {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong.
        detail: String,
    },
    /// Bases that name each other in a circle.
    #[error("the kustomization at {folder} includes itself: {chain}")]
    Cycle {
        /// The folder.
        folder: String,
        /// The folders from the first to the repeated one.
        chain: String,
    },
}
