//! Sets of completion indexes, as `1,3-5,7`. Pure.

use std::collections::BTreeSet;

/// Indexes in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Indexes(pub(super) BTreeSet<i32>);

impl Indexes {
    /// Reads the text; parts that make no sense and indexes from `end` on are left out (as upstream).
    pub(super) fn parse(text: &str, end: i32) -> Self {
        let mut set = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) {
                set.extend(first.max(0)..=last.min(end.saturating_sub(1)));
            }
        }
        Self(set)
    }

    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }
}

impl std::fmt::Display for Indexes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut spans: Vec<(i32, i32)> = Vec::new();
        for index in &self.0 {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == *index => *last = *index,
                _ => spans.push((*index, *index)),
            }
        }
        let texts: Vec<_> = spans
            .into_iter()
            .map(|(first, last)| match last - first {
                0 => first.to_string(),
                1 => format!("{first},{last}"),
                _ => format!("{first}-{last}"),
            })
            .collect();
        formatter.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_short_and_read_back() {
        for (text, end, expected) in [
            ("", 5, ""),
            ("1,3-5,7", 9, "1,3-5,7"),
            ("0,1", 9, "0,1"),
            ("0-9", 4, "0-3"),
            ("x,2", 4, "2"),
        ] {
            assert_eq!(Indexes::parse(text, end).to_string(), expected, "{text}");
        }
    }
}
