//! GitHub's expression language: what stands between `${{` and `}}`.
//!
//! ```text
//!   "v${{ github.run_number }}" ──template──▶ segments ──parse──▶ Expression ──evaluate(Scope)──▶ JSON value
//! ```
//!
//! Semantics follow GitHub's "Evaluate expressions in workflows and actions": loose comparison
//! (unlike types become numbers, strings compare without case), `&&` and `||` yield an operand,
//! a property that is not there is null, and `*` filters.
//!
//! **Invariant:** pure. Contexts, the job's status and the file hash are handed in by [`Scope`].

mod evaluate;
mod function;
mod lex;
mod parse;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use evaluate::{Files, Scope, Status};
pub use parse::Expression;
pub use template::Template;
pub(crate) use value::{from_number as number_value, number_text};
pub use value::{text, truthy};

/// Why an expression cannot be read or evaluated. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not an expression.
    #[error("{message} at character {at} of `{source_text}`")]
    Syntax {
        /// What is wrong.
        message: String,
        /// The character at which it is wrong.
        at: usize,
        /// The expression.
        source_text: String,
    },
    /// A context or a function that does not exist.
    #[error("there is no {what} `{name}`{hint} (character {at} of `{source_text}`)")]
    Unknown {
        /// `context` or `function`.
        what: &'static str,
        /// The name that was used.
        name: String,
        /// ", did you mean …?", or what there is.
        hint: String,
        /// The character at which it stands.
        at: usize,
        /// The expression.
        source_text: String,
    },
    /// A function was given the wrong number of arguments.
    #[error("`{name}` takes {takes}, not {given} (character {at} of `{source_text}`)")]
    Arguments {
        /// The function.
        name: String,
        /// How many it takes, in words.
        takes: String,
        /// How many it got.
        given: usize,
        /// The character at which it stands.
        at: usize,
        /// The expression.
        source_text: String,
    },
    /// `${{` without `}}`.
    #[error("`${{{{` at character {at} has no closing `}}}}`")]
    Unclosed {
        /// The character at which it opens.
        at: usize,
    },
    /// A function failed on its arguments, such as `fromJSON` on what is no JSON.
    #[error("{function}: {message} (in `{source_text}`)")]
    Call {
        /// The function.
        function: &'static str,
        /// Why.
        message: String,
        /// The expression.
        source_text: String,
    },
}
