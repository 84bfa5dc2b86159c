//! Conditions on measured values: the subset of the language `expr` (<https://expr-lang.org>) that
//! AnalysisTemplates use.
//!
//! ```
//! use seatrial_expr::condition::{Condition, Value};
//!
//! let condition = Condition::parse("len(result) > 0 && result[0] >= 0.95")?;
//! assert!(condition.holds(&Value::from(vec![0.99]))?);
//! # Ok::<(), seatrial_expr::condition::Error>(())
//! ```
//!
//! There are literals, `result`, lists and maps, `[i]`, `[a:b]`, `.field`, `?.`, `??`, arithmetic, `..`, comparison, `in`,
//! `contains`, `startsWith`, `endsWith`, `matches`, `&& || !` and their words, `a ? b : c`, the functions
//! of [`FUNCTIONS`], and `all any none one filter map count find` with `#` or `.field` for the item.

mod call;
mod evaluate;
mod operate;
mod parse;
mod token;
mod value;

pub use call::FUNCTIONS;
pub use value::Value;

/// Why a condition cannot be read or has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The text is no condition.
    #[error("at position {at}: {message}")]
    Syntax {
        /// Bytes from the beginning of the text.
        at: usize,
        /// What is wrong.
        message: String,
    },
    /// The condition has no value for this result.
    #[error("at position {at}: {message}")]
    Evaluate {
        /// Where the part stands that has no value.
        at: usize,
        /// Why not.
        message: String,
    },
    /// The value is not true or false.
    #[error("expected bool, but got {found}")]
    NotBoolean {
        /// The type of the value.
        found: &'static str,
    },
}

/// A condition that has been read.
#[derive(Debug, Clone)]
pub struct Condition {
    root: parse::Node,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Where it is malformed, too large or nested too deeply, or names something that there is not.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text).map(|root| Self { root })
    }

    /// The value of the expression for a measured `result`.
    ///
    /// # Errors
    /// Where a part has no value: an index out of range, operands that do not fit.
    pub fn evaluate(&self, result: &Value) -> Result<Value, Error> {
        evaluate::evaluate(&self.root, result)
    }

    /// Whether the condition holds for a measured `result`.
    ///
    /// # Errors
    /// As [`Condition::evaluate`], and where the value is not true or false.
    pub fn holds(&self, result: &Value) -> Result<bool, Error> {
        match self.evaluate(result)? {
            Value::Boolean(value) => Ok(value),
            other => Err(Error::NotBoolean {
                found: other.type_name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
