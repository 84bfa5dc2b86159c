//! How errors are classed and printed.

use std::error::Error;
use std::fmt;

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Trying again cannot help before the object changes: bad input.
    Terminal,
    /// Trying again later may help: a conflict, a dependency that is not there yet, the network.
    Retry,
}

/// An error that knows its [`Class`].
pub trait Classify: Error + Send + Sync + 'static {
    /// Whether to try again.
    fn class(&self) -> Class;

    /// The reason of the event that reports it, in CamelCase.
    fn reason(&self) -> &'static str {
        "ReconcileError"
    }
}

impl Classify for kube::Error {
    /// The server's refusal of the object itself is terminal (invalid, bad request, too large);
    /// everything else may pass with time.
    fn class(&self) -> Class {
        match self {
            kube::Error::Api(status) if matches!(status.code, 400 | 413 | 415 | 422) => {
                Class::Terminal
            }
            _ => Class::Retry,
        }
    }
}

impl Classify for std::convert::Infallible {
    fn class(&self) -> Class {
        match *self {}
    }
}

/// Prints an error with all its sources: `bind pod: create binding: connection refused`.
///
/// A source whose text its parent already ends with is left out, since some libraries repeat it.
///
/// ```
/// use seatrial_controller::Chain;
/// let error = std::io::Error::other("disk full");
/// assert_eq!(Chain(&error).to_string(), "disk full");
/// ```
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said = text;
            }
            next = error.source();
        }
        Ok(())
    }
}
