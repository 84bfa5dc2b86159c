//! Debian's versions (deb-version(7)).

use std::cmp::Ordering;

pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left_upstream, left_revision) = parts(left);
    let (right_epoch, right_upstream, right_revision) = parts(right);
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| part(left_upstream, right_upstream))
        .then_with(|| part(left_revision, right_revision))
}

fn parts(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = match version.trim().split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version.trim()),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Stretches without digits and numbers in turn.
fn part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() || !right.is_empty() {
        let words = word(&mut left, &mut right);
        if words != Ordering::Equal {
            return words;
        }
        let numbers = digits(&mut left).cmp(&digits(&mut right));
        if numbers != Ordering::Equal {
            return numbers;
        }
    }
    Ordering::Equal
}

/// Letters come before other signs, and `~` before everything, even the end.
fn word(left: &mut &str, right: &mut &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => c as i32,
        Some(c) => c as i32 + 256,
    };
    let is_word = |text: &str| text.starts_with(|c: char| !c.is_ascii_digit());
    while is_word(left) || is_word(right) {
        let order = weight(left.chars().next()).cmp(&weight(right.chars().next()));
        if order != Ordering::Equal {
            return order;
        }
        *left = rest(left);
        *right = rest(right);
    }
    Ordering::Equal
}

fn rest(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

/// The number at the start, as its digits without leading zeros, so that no length overflows.
fn digits<'a>(text: &mut &'a str) -> (usize, &'a str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].trim_start_matches('0');
    *text = &text[end..];
    (number.len(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_does() {
        for (left, wanted, right) in [
            ("1.0", Ordering::Equal, "1.0"),
            ("1.0", Ordering::Less, "1.1"),
            ("1.9", Ordering::Less, "1.10"),
            ("1.0~rc1", Ordering::Less, "1.0"),
            ("1.0~~", Ordering::Less, "1.0~"),
            ("1.0-1", Ordering::Greater, "1.0"),
            ("1:0.9", Ordering::Greater, "2.0"),
            ("2.36-9+deb12u4", Ordering::Less, "2.36-9+deb12u10"),
            ("1.0a", Ordering::Less, "1.0+"),
            ("1.0-1", Ordering::Less, "1.0-1.1"),
            ("1.001", Ordering::Equal, "1.1"),
            ("3.0.11-1~deb12u2", Ordering::Less, "3.0.11-1"),
            ("99999999999999999999999", Ordering::Greater, "1"),
        ] {
            assert_eq!(compare(left, right), wanted, "{left} {right}");
            assert_eq!(compare(right, left), wanted.reverse(), "{right} {left}");
        }
    }
}
