//! Label and field selectors: `a=b,c in (d,e),!f` and `status.phase!=Running`.

mod field;
mod label;

pub use field::{Comparison, Field, Term};
pub use label::{Label, Operator, Requirement};

/// Why a selector cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no selector.
    #[error("unable to parse the selector {text:?}: at position {at}: {message}")]
    Syntax {
        /// The whole text.
        text: String,
        /// Bytes from its beginning.
        at: usize,
        /// What is wrong.
        message: String,
    },
    /// A `metav1.LabelSelector` is malformed.
    #[error("{field}: {message}")]
    Structure {
        /// The path of the field in the selector.
        field: String,
        /// What is wrong.
        message: String,
    },
}

#[cfg(test)]
mod tests;
