//! What can go wrong with images.

use std::path::PathBuf;

use crate::{Digest, reference::InvalidReference};

/// A failed step, in words for whoever asked. `Display` omits the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the store or of a build could not be used.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried, as a verb.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A text that names no image.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// Content that is not in the store.
    #[error("content {digest} is not in the image store")]
    MissingBlob {
        /// Its digest.
        digest: Digest,
    },
    /// Content that is not what its digest says.
    #[error(
        "content {digest} is damaged: its digest is {actual}; delete the image and pull or build it again"
    )]
    Damaged {
        /// The digest it should have.
        digest: Digest,
        /// The one it has.
        actual: Digest,
    },
    /// A manifest or configuration that cannot be read.
    #[error("the {what} of image {image} cannot be read: {reason}")]
    Malformed {
        /// `manifest`, `configuration`, `index`.
        what: &'static str,
        /// Which image.
        image: String,
        /// Why not.
        reason: String,
    },
    /// The image is on no registry that was asked.
    #[error("image {image} is not in the local registry{}", asked.as_deref().map(|reason| format!(", and {reason}")).unwrap_or_default())]
    UnknownImage {
        /// The complete reference.
        image: String,
        /// What the remote registry said, where it was asked.
        asked: Option<String>,
    },
    /// The image exists, but for other machines.
    #[error("image {image} is not built for {wanted} (it has {available})")]
    Platform {
        /// The complete reference.
        image: String,
        /// This machine.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// A layer that must not be unpacked.
    #[error("layer {layer} is refused: entry {entry:?} {reason}")]
    UnsafeLayer {
        /// Its digest.
        layer: Digest,
        /// The path in the archive.
        entry: String,
        /// Why.
        reason: &'static str,
    },
    /// A layer that could not be unpacked.
    #[error("cannot unpack layer {layer}")]
    Unpack {
        /// Its digest.
        layer: Digest,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn file(
        step: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }
}
