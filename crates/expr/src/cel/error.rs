//! What can be wrong with an expression.

use std::fmt;

/// Why an expression cannot be used, or has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no expression of this environment. Shown as upstream shows it, one issue after the other.
    #[error("{}", join(.0))]
    Compile(Vec<Issue>),
    /// There is no value for these variables: `no such key: x`, `division by zero`.
    #[error("{message}")]
    Evaluate {
        /// Bytes from the beginning of the text.
        at: usize,
        /// Why.
        message: String,
    },
    /// The evaluation was stopped because it had cost what it may.
    #[error("operation cancelled: actual cost limit exceeded")]
    OutOfBudget,
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The text of the line.
    pub source: String,
}

impl Issue {
    /// An issue at a byte of `text`.
    pub(super) fn at(text: &str, at: usize, message: impl Into<String>) -> Self {
        let at = (0..=at.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or_default();
        let before = &text[..at];
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let source = text[begin..].lines().next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: before[begin..].chars().count() + 1,
            message: message.into(),
            source: source.to_owned(),
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = (self.line, self.column);
        writeln!(
            formatter,
            "ERROR: <input>:{line}:{column}: {}",
            self.message
        )?;
        writeln!(formatter, " | {}", self.source)?;
        write!(formatter, " | {}^", ".".repeat(column - 1))
    }
}

fn join(issues: &[Issue]) -> String {
    let lines: Vec<String> = issues.iter().map(Issue::to_string).collect();
    lines.join("\n")
}
