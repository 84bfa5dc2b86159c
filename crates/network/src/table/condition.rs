//! Conditions of a VirtualService on a request.

use http::{HeaderMap, Method};
use regex::Regex;
use seatrial_resources::istio::StringMatch;

/// All that are given must hold.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) uri: Option<Pattern>,
    pub(super) method: Option<Pattern>,
    pub(super) headers: Vec<(String, Pattern)>,
}

/// How a text must look.
#[derive(Debug)]
pub(super) enum Pattern {
    Present,
    Exact(String),
    Prefix(String),
    Regex(Regex),
}

impl Condition {
    pub(super) fn holds(&self, path: &str, method: &Method, headers: &HeaderMap) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.uri.as_ref().is_none_or(|pattern| pattern.holds(path))
            && self
                .method
                .as_ref()
                .is_none_or(|pattern| pattern.holds(method.as_str()))
            && self
                .headers
                .iter()
                .all(|(name, pattern)| header(name).is_some_and(|value| pattern.holds(value)))
    }
}

impl Pattern {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    pub(super) fn compile(source: &StringMatch) -> Result<Self, String> {
        match (&source.exact, &source.prefix, &source.regex) {
            (None, None, None) => Ok(Self::Present),
            (Some(exact), None, None) => Ok(Self::Exact(exact.clone())),
            (None, Some(prefix), None) => Ok(Self::Prefix(prefix.clone())),
            (None, None, Some(regex)) => Regex::new(&format!("^(?:{regex})$"))
                .map(Self::Regex)
                .map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
                    format!("{regex:?} is no regular expression: {reason}")
                }),
            _ => Err("only one of exact, prefix and regex may be given".to_owned()),
        }
    }
}
