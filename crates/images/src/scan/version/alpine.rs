//! Alpine's versions (`apk version`): numbers, a letter, suffixes, a revision.

use std::cmp::Ordering;

pub(super) fn compare(left: &str, right: &str) -> Ordering {
    read(left).cmp(&read(right))
}

/// What a suffix weighs against none, which is 0.
const SUFFIXES: [(&str, i8); 9] = [
    ("alpha", -4),
    ("beta", -3),
    ("pre", -2),
    ("rc", -1),
    ("cvs", 1),
    ("svn", 2),
    ("git", 3),
    ("hg", 4),
    ("p", 5),
];

type Read = (Vec<u64>, Option<char>, Vec<(i8, u64)>, u64);

fn read(version: &str) -> Read {
    let (version, revision) = match version.rsplit_once("-r") {
        Some((version, revision)) => (version, revision.parse().unwrap_or(0)),
        None => (version, 0),
    };
    let mut pieces = version.split('_');
    let base = pieces.next().unwrap_or_default();
    let letter = base.chars().last().filter(char::is_ascii_lowercase);
    let numbers = base
        .trim_end_matches(|c: char| c.is_ascii_lowercase())
        .split('.');
    let numbers = numbers.map(|number| number.parse().unwrap_or(0)).collect();
    let suffix = |text: &str| {
        let end = text
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(text.len());
        let weight = SUFFIXES
            .iter()
            .find(|(name, _)| *name == &text[..end])
            .map_or(0, |(_, weight)| *weight);
        (weight, text[end..].parse().unwrap_or(0))
    };
    // The end of the list weighs as "no suffix": after every pre-release, before every patch.
    let suffixes = pieces.map(suffix).chain([(0, 0)]).collect();
    (numbers, letter, suffixes, revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_apk_does() {
        let ordered = [
            "1.2",
            "1.2.5_alpha1",
            "1.2.5_rc1",
            "1.2.5_rc2",
            "1.2.5",
            "1.2.5-r1",
            "1.2.5_git20240101",
            "1.2.5_p1",
            "1.2.5a",
            "1.2.10",
        ];
        for pair in ordered.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare("1.2-r0", "1.2"), Ordering::Equal);
    }
}
