//! The patches that the API knows: merge (RFC 7386), JSON (RFC 6902), strategic merge.

mod bounds;
mod order;
mod strategic;

use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

use bounds::Bounds;
pub use bounds::{DEEPEST, depth};

pub(crate) use order::{Places, normalize};
pub use strategic::strategic;

/// Why a patch cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The patch is no JSON patch. A bad request.
    #[error("error decoding patch: {message}")]
    Decode {
        /// What is wrong with it.
        message: String,
    },
    /// A JSON patch has too many operations. Too large.
    #[error("the allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {count}")]
    TooManyOperations {
        /// How many.
        count: usize,
    },
    /// An operation does not fit the object. Unprocessable.
    #[error("{operation} operation does not apply: doc is missing path: \"{path}\": missing value")]
    MissingPath {
        /// The name of the operation.
        operation: &'static str,
        /// The JSON pointer.
        path: String,
    },
    /// A `test` does not hold. Unprocessable.
    #[error("testing value {path} failed: test failed")]
    TestFailed {
        /// The JSON pointer.
        path: String,
    },
    /// The copies of a JSON patch add up to too much. Unprocessable.
    #[error(
        "Unable to complete the copy, the accumulated size increase of copy is {size}, exceeding \
         the limit {MOST_COPIED}"
    )]
    TooMuchCopied {
        /// How much, in bytes.
        size: usize,
    },
    /// A JSON patch nests values too deeply. Unprocessable.
    #[error(
        "{operation} operation does not apply: \"{path}\" would be nested more than {DEEPEST} deep"
    )]
    TooDeep {
        /// The name of the operation.
        operation: &'static str,
        /// The JSON pointer.
        path: String,
    },
    /// A strategic merge patch has a value of the wrong type. A bad request.
    #[error("{path}: {message}")]
    Strategic {
        /// The path of the field in the patch.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// Upstream's limit.
const MOST_OPERATIONS: usize = 10_000;

/// The most bytes that the copies of one JSON patch may add (upstream's `JSONPatchMaxCopyBytes`).
const MOST_COPIED: usize = 3 << 20;

/// Applies a merge patch: null removes, objects merge, everything else is replaced.
pub fn merge(target: &mut Value, patch: &Value) {
    json_patch::merge(target, patch);
}

/// Applies a JSON patch: all of it or, on an error, nothing.
///
/// # Errors
/// A patch that is none, and operations that do not fit.
pub fn json(target: &mut Value, patch: &Value) -> Result<(), Error> {
    let operations: Vec<PatchOperation> =
        serde_json::from_value(patch.clone()).map_err(|error| Error::Decode {
            message: error.to_string(),
        })?;
    if operations.len() > MOST_OPERATIONS {
        return Err(Error::TooManyOperations {
            count: operations.len(),
        });
    }
    let mut changed = target.clone();
    let mut bounds = Bounds::default();
    for operation in &operations {
        bounds.admit(&changed, operation)?;
        let one = std::slice::from_ref(operation);
        json_patch::patch_unsafe(&mut changed, one).map_err(|error| {
            let path = error.path.to_string();
            match error.kind {
                PatchErrorKind::TestFailed => Error::TestFailed { path },
                _ => Error::MissingPath {
                    operation: name(operation),
                    path,
                },
            }
        })?;
    }
    *target = changed;
    Ok(())
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

#[cfg(test)]
mod tests;
