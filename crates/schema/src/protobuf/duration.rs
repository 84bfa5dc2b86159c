//! Durations as Go writes them, such as `1m30s`: in protobuf they are billionths of a second.

use std::fmt::Write as _;

const UNITS: [(&str, i64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// The duration that a text says; absent where it says none.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut sum: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(end);
        let (unit, factor) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        let part = scaled(number, *factor)?;
        sum = sum.checked_add(part)?;
        rest = &after[unit.len()..];
    }
    Some(if negative { -sum } else { sum })
}

fn scaled(number: &str, factor: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut nanos = match whole {
        "" if fraction.is_empty() => return None,
        "" => 0,
        whole => whole.parse::<i64>().ok()?.checked_mul(factor)?,
    };
    let mut place = factor;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        place /= 10;
        nanos = nanos.checked_add(i64::from(digit - b'0').checked_mul(place)?)?;
    }
    Some(nanos)
}

/// The duration as a text.
pub(super) fn format(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let left = nanos.unsigned_abs();
    let below_a_second = [("ms", 1_000_000), ("µs", 1_000), ("ns", 1)];
    if left < 1_000_000_000 {
        let unit = below_a_second.iter().find(|(_, factor)| left >= *factor);
        let (unit, factor) = unit.copied().unwrap_or(("ns", 1));
        return format!("{sign}{}{unit}", decimal(left, factor));
    }
    let (hours, left) = (left / 3_600_000_000_000, left % 3_600_000_000_000);
    let (minutes, left) = (left / 60_000_000_000, left % 60_000_000_000);
    let mut text = sign.to_owned();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    text + &decimal(left, 1_000_000_000) + "s"
}

/// `count / factor`, without zeros at the end.
fn decimal(count: u64, factor: u64) -> String {
    let (whole, fraction) = (count / factor, count % factor);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = factor.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (text, nanos) in [
            ("0s", 0),
            ("1ns", 1),
            ("1.5µs", 1_500),
            ("15ms", 15_000_000),
            ("10.045s", 10_045_000_000),
            ("1m0s", 60_000_000_000),
            ("-1h0m0.5s", -3_600_500_000_000),
        ] {
            assert_eq!(format(nanos), text);
            assert_eq!(parse(text), Some(nanos), "{text}");
        }
        assert_eq!(parse("1.5h"), Some(5_400_000_000_000));
        for text in [
            "",
            "-",
            "s",
            "1",
            "1x",
            ".s",
            "1.2.3s",
            "99999999999h",
            "1é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(format(i64::MIN).starts_with("-2562047h"));
    }
}
