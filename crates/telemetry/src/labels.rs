//! Label sets: what tells one time series from another.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The label that carries a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable set of labels, ordered by name. An empty value is the same as no label.
#[derive(Clone)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        // Most sets that are compared are the same set.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Labels {}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            Ordering::Equal
        } else {
            self.0.cmp(&other.0)
        }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl Labels {
    /// Builds a set; of several values for one name the last holds.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs: BTreeMap<Arc<str>, Arc<str>> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(
            pairs
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }

    /// The value of a label, empty if it is not set.
    pub fn get(&self, name: &str) -> &str {
        let position = self.0.binary_search_by(|(label, _)| (**label).cmp(name));
        position.map_or("", |index| &self.0[index].1)
    }

    /// The metric's name, empty if there is none.
    pub fn metric(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Name and value of each label, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The same with one label set, or removed where `value` is empty.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(label, _)| &**label != name).cloned();
        let added = (!value.is_empty()).then(|| (name.into(), value.into()));
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = others.chain(added).collect();
        pairs.sort();
        Self(pairs.into())
    }

    /// The same without the metric's name.
    pub fn without_metric(&self) -> Self {
        if self.metric().is_empty() {
            self.clone()
        } else {
            self.filter(|name| name != METRIC_NAME)
        }
    }

    /// Only the labels whose names are wanted.
    pub fn filter(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| wanted(name))
                .cloned()
                .collect(),
        )
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Labels {
    /// As Prometheus writes it: `name{label="value", ...}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric();
        f.write_str(metric)?;
        let others: Vec<String> = self
            .iter()
            .filter(|(name, _)| &***name != METRIC_NAME)
            .map(|(name, value)| format!("{name}={:?}", &**value))
            .collect();
        if others.is_empty() && !metric.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", others.join(", "))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(&**name, &**value)?;
        }
        map.end()
    }
}

/// Whether a text may be the name of a label.
pub(crate) fn is_label_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text may be the name of a metric.
pub(crate) fn is_metric_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}
