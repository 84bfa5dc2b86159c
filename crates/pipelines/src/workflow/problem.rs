//! What is wrong with a file, all of it at once.

use std::fmt;

use super::Position;
use crate::expression;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: Position,
    /// What, and what to do.
    pub message: String,
}

/// A workflow file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file's path in the repository.
    pub path: String,
    /// Everything that is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(
                formatter,
                "{line}{}:{}: {}",
                self.path, problem.at, problem.message
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Collects problems while a file is read.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    /// The file's text: to find where inside a scalar an expression stands.
    text: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Notes a problem.
    pub(crate) fn add(&mut self, at: Position, message: impl Into<String>) {
        self.found.push(Problem {
            at,
            message: message.into(),
        });
    }

    /// Notes an expression that cannot be read, at the line on which it stands.
    pub(crate) fn expression(&mut self, at: Position, source: &str, error: &expression::Error) {
        let at = self.locate(at, source, error);
        self.add(at, error.to_string());
    }

    /// Finds a faulty expression below the start of its scalar, which may span many lines.
    fn locate(&self, at: Position, scalar: &str, error: &expression::Error) -> Position {
        let needle = match error {
            expression::Error::Syntax { source_text, .. }
            | expression::Error::Unknown { source_text, .. }
            | expression::Error::Arguments { source_text, .. }
            | expression::Error::Call { source_text, .. } => source_text.as_str(),
            expression::Error::Unclosed { at } => {
                let open = scalar
                    .chars()
                    .take(at - 1)
                    .map(char::len_utf8)
                    .sum::<usize>();
                scalar[open..].lines().next().unwrap_or("${{")
            }
        };
        let first = (at.line.max(1) - 1) as usize;
        let skip = (at.column.max(1) - 1) as usize;
        for (index, line) in self.text.lines().enumerate().skip(first) {
            let before: usize = if index == first {
                line.chars().take(skip).map(char::len_utf8).sum()
            } else {
                0
            };
            if let Some(offset) = line.get(before..).and_then(|rest| rest.find(needle)) {
                let column = line[..before + offset].chars().count() as u64 + 1;
                return Position {
                    line: index as u64 + 1,
                    column,
                };
            }
        }
        at
    }

    /// `value` if nothing was wrong, otherwise all problems in the order of the file.
    pub(crate) fn finish<T>(mut self, path: &str, value: Option<T>) -> Result<T, Error> {
        self.found.sort();
        self.found.dedup();
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(Error {
                path: path.to_owned(),
                problems: self.found,
            }),
        }
    }
}
