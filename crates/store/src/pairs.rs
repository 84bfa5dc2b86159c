//! Names with values in as little memory as they need.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Names with values, such as labels, in the order of their names.
///
/// Every stored object has two of these, read often and never changed. A sorted map costs a node of
/// half a kilobyte and two allocations for each pair; this costs its letters and a byte for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Each name and its value in turn, each after its length: seven bits in a byte, the highest bit
    /// where more follow.
    packed: Box<[u8]>,
}

impl Pairs {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pieces = Pieces(&self.packed);
        while let (Some(known), Some(value)) = (pieces.next(), pieces.next()) {
            if known == name.as_bytes() {
                return Some(text(value));
            }
        }
        None
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut pieces = Pieces(&self.packed);
        std::iter::from_fn(move || Some((text(pieces.next()?), text(pieces.next()?))))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// The same as a map.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.iter().map(owned).collect()
    }
}

/// What is left of packed pieces.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }
}

/// A piece was text before it was packed.
fn text(piece: &[u8]) -> &str {
    std::str::from_utf8(piece).unwrap_or_default()
}

fn pack(packed: &mut Vec<u8>, piece: &str) {
    let mut length = piece.len();
    while length >= 0x80 {
        packed.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    packed.push(length as u8);
    packed.extend_from_slice(piece.as_bytes());
}

impl<N: AsRef<str> + Ord, V: AsRef<str>> FromIterator<(N, V)> for Pairs {
    /// Of a name that comes twice the last value stays.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut sorted: Vec<(N, V)> = pairs.into_iter().collect();
        // Stable, so that the last of a name is the last of its run.
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut packed = Vec::new();
        for run in sorted.chunk_by(|(one, _), (other, _)| one == other) {
            if let Some((name, value)) = run.last() {
                pack(&mut packed, name.as_ref());
                pack(&mut packed, value.as_ref());
            }
        }
        Self {
            packed: packed.into(),
        }
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.iter().count()))?;
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

    #[test]
    fn a_piece_may_have_any_length() {
        for length in [0, 127, 128, 129, 16_383, 16_384, 3_000_000] {
            let value = "v".repeat(length);
            let pairs: Pairs = [("a", value.as_str()), (value.as_str(), "b")]
                .into_iter()
                .collect();
            assert_eq!(pairs.get("a"), Some(value.as_str()));
            assert_eq!(pairs.get(&value), Some("b"), "{length}");
            assert_eq!(pairs.iter().count(), 2);
        }
    }
}
