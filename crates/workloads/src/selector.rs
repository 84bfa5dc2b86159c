//! Label selectors of workloads.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::{ParseExpressionError, Selector, SelectorExt};

/// A `spec.selector` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would select everything.
    #[error("spec.selector is empty and would select every pod: name at least one label")]
    Empty,
    /// An operator or its values make no sense.
    #[error("spec.selector.matchExpressions")]
    Parse(#[source] ParseExpressionError),
}

/// Parses a selector, refusing one that selects everything.
pub(crate) fn parse(selector: &LabelSelector) -> Result<Selector, Error> {
    let labels = selector
        .match_labels
        .as_ref()
        .is_none_or(BTreeMap::is_empty);
    let expressions = selector
        .match_expressions
        .as_ref()
        .is_none_or(Vec::is_empty);
    if labels && expressions {
        return Err(Error::Empty);
    }
    Selector::try_from(selector.clone()).map_err(Error::Parse)
}

/// Whether an object's labels match.
pub(crate) fn matches(selector: &Selector, meta: &ObjectMeta) -> bool {
    match &meta.labels {
        Some(labels) => selector.matches(labels),
        None => selector.matches(&BTreeMap::new()),
    }
}
