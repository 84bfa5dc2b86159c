//! Names with values in as little memory as they need.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Names with values, such as labels, in the order of their names.
///
/// Every stored object has two of these, read often and never changed. A sorted map costs a node of
/// half a kilobyte and two allocations for each pair; this costs its letters and four bytes for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    text: Box<str>,
    /// Where each name and each value ends in `text`, in turn.
    ends: Box<[u32]>,
}

impl Pairs {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.chunks_exact(2).map(move |ends| {
            let (middle, end) = (ends[0] as usize, ends[1] as usize);
            let pair = (&self.text[start..middle], &self.text[middle..end]);
            start = end;
            pair
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The same as a map.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.iter().map(owned).collect()
    }
}

impl<N: AsRef<str> + Ord, V: AsRef<str>> FromIterator<(N, V)> for Pairs {
    /// Of a name that comes twice the last value stays.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut sorted: Vec<(N, V)> = pairs.into_iter().collect();
        // Stable, so that the last of a name is the last of its run.
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(2 * sorted.len()));
        for run in sorted.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((name, value)) = run.last() else {
                continue;
            };
            for part in [name.as_ref(), value.as_ref()] {
                text.push_str(part);
                // An object is a few megabytes at most.
                ends.push(text.len() as u32);
            }
        }
        Self {
            text: text.into(),
            ends: ends.into(),
        }
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.ends.len() / 2))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(map.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_a_sorted_map() {
        let pairs: Pairs = [("b", "2"), ("a", ""), ("ö", "ü\0"), ("", "x"), ("b", "3")]
            .into_iter()
            .collect();
        let seen: Vec<_> = pairs.iter().collect();
        assert_eq!(seen, [("", "x"), ("a", ""), ("b", "3"), ("ö", "ü\0")]);
        assert_eq!(pairs.get("b"), Some("3"));
        assert_eq!(pairs.get("c"), None);
        let text = serde_json::to_string(&pairs).unwrap();
        assert_eq!(text, r#"{"":"x","a":"","b":"3","ö":"ü\u0000"}"#);
        assert_eq!(serde_json::from_str::<Pairs>(&text).unwrap(), pairs);
        assert!(Pairs::default().is_empty());
    }
}
