//! Times as people write and read them.

use std::time::Duration;

use jiff::Timestamp;

/// The longest that is taken: more is a slip, and the end of it would lie beyond what clocks can say.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// Reads `90s`, `5m`, `1h30m` or plain seconds.
///
/// # Errors
/// What is wrong, with the form that is right.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write 90s, 5m or 1h30m");
    let within = |duration: Duration| match duration {
        duration if duration > LONGEST => Err(format!("`{text}` is longer than a year")),
        duration => Ok(duration),
    };
    if let Ok(seconds) = text.parse::<u64>() {
        return within(Duration::from_secs(seconds));
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = &rest[digits..];
        let (factor, length) = match unit {
            _ if unit.starts_with("ms") => (0.001, 2),
            _ if unit.starts_with('s') => (1.0, 1),
            _ if unit.starts_with('m') => (60.0, 1),
            _ if unit.starts_with('h') => (3600.0, 1),
            _ => return Err(wrong()),
        };
        total += number * factor;
        rest = &unit[length..];
    }
    if text.is_empty() {
        return Err(wrong());
    }
    within(Duration::try_from_secs_f64(total).unwrap_or(Duration::MAX))
}

/// The time since `then`, as kubectl writes ages: `42s`, `3m20s`, `5h`, `2d`.
pub(crate) fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(
        || "<unknown>".to_owned(),
        |then| span(now.duration_since(then).as_secs()),
    )
}

/// A span of seconds in at most two units.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => pair(days, "d", hours % 24, "h"),
        () if days < 365 * 2 => format!("{days}d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        let spans = [
            0, 119, 120, 200, 600, 7200, 10_800, 11_000, 100_000, 200_000, 700_000,
        ];
        let texts: Vec<_> = spans.iter().map(|seconds| span(*seconds)).collect();
        assert_eq!(
            texts.join(" "),
            "0s 119s 2m 3m20s 10m 120m 3h 3h3m 27h 2d7h 8d"
        );
    }

    #[test]
    fn durations_are_read_with_units() {
        assert_eq!(parse("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("45"), Ok(Duration::from_secs(45)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert!(parse("soon").unwrap_err().contains("90s"));
        assert!(parse("").is_err());
        for endless in ["18446744073709551615", "99999999999999999999h"] {
            assert!(parse(endless).unwrap_err().contains("a year"), "{endless}");
        }
    }
}
