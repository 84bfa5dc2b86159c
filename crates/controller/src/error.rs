//! How errors are classed and printed.

use std::error::Error;
use std::fmt;

use kube::core::Status;

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
/// A source whose text its parent already ends with is left out, since some libraries repeat it. Of a
/// refusal by the server its own words are shown, which name the object.
///
/// ```
/// use seatrial_controller::Chain;
/// let error = std::io::Error::other("disk full");
/// assert_eq!(Chain(&error).to_string(), "disk full");
/// ```
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = refusal(self.0) {
            return formatter.write_str(words);
        }
        let mut said = self.0.to_string();
        formatter.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            next = error.source();
            if let Some(words) = refusal(error) {
                return write!(formatter, ": {words}");
            }
            // A refusal names the object by itself.
            if next.is_some_and(|source| refusal(source).is_some()) {
                continue;
            }
            let text = error.to_string();
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said = text;
            }
        }
        Ok(())
    }
}

/// The server's own words, where an error is its refusal: that error's text would show how the client
/// represents them.
fn refusal<'a>(error: &'a (dyn Error + 'a)) -> Option<&'a str> {
    let source = error.source()?;
    let status = source
        .downcast_ref::<Status>()
        .or_else(|| source.downcast_ref::<Box<Status>>().map(|status| &**status))?;
    (!status.message.is_empty()).then_some(status.message.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failed {
        #[error("Error creating")]
        Create(#[source] Box<Failed>),
        #[error("create pods default/a")]
        Ask(#[source] kube::Error),
    }

    #[test]
    fn of_a_refusal_the_servers_words_are_shown() {
        let words = r#"pods "a" is forbidden: exceeded quota"#;
        let refused =
            || kube::Error::Api(Box::new(Status::failure(words, "Forbidden").with_code(403)));
        assert_eq!(Chain(&refused()).to_string(), words);
        let one = Failed::Ask(refused());
        assert_eq!(
            Chain(&one).to_string(),
            format!("create pods default/a: {words}")
        );
        let two = Failed::Create(Box::new(one));
        assert_eq!(Chain(&two).to_string(), format!("Error creating: {words}"));
    }
}
