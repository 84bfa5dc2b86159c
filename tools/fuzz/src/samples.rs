//! Inputs to begin with, and words that mean something.

pub(crate) mod delivery;
pub(crate) mod identity;
pub(crate) mod image;
pub(crate) mod language;
pub(crate) mod metrics;
pub(crate) mod object;
pub(crate) mod request;
pub(crate) mod stream;

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Inputs of several parts.
fn joined(inputs: &[&[&str]]) -> Vec<Vec<u8>> {
    let separator = char::from(crate::SEPARATOR).to_string();
    inputs
        .iter()
        .map(|parts| parts.join(&separator).into_bytes())
        .collect()
}
