//! How long to wait before a failed sync is tried again.

use std::time::Duration;

use seatrial_resources::argoproj::{Backoff, RetryStrategy};

/// A length of time that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("syncPolicy.retry.backoff.{field}: {text:?} is no duration such as 5s or 3m")]
pub(crate) struct Malformed {
    field: &'static str,
    text: String,
}

/// How often a sync is tried again; nothing for ever.
pub(crate) fn limit(strategy: Option<&RetryStrategy>) -> Option<i64> {
    match strategy {
        None => Some(0),
        Some(strategy) => match strategy.limit {
            None => Some(5),
            Some(limit) if limit < 0 => None,
            Some(limit) => Some(limit),
        },
    }
}

/// The wait after this many tries: duration × factorⁿ, at most the maximum (5 s, 2 and 3 min unless
/// told).
pub(crate) fn wait(strategy: &RetryStrategy, tries: i64) -> Result<Duration, Malformed> {
    let none = Backoff::default();
    let backoff = strategy.backoff.as_ref().unwrap_or(&none);
    let first = duration(
        "duration",
        backoff.duration.as_deref(),
        Duration::from_secs(5),
    )?;
    let longest = duration(
        "maxDuration",
        backoff.max_duration.as_deref(),
        Duration::from_mins(3),
    )?;
    let factor = backoff.factor.unwrap_or(2).max(1) as f64;
    let seconds = first.as_secs_f64() * factor.powi(i32::try_from(tries).unwrap_or(i32::MAX));
    Ok(Duration::from_secs_f64(seconds.min(longest.as_secs_f64())))
}

fn duration(
    field: &'static str,
    text: Option<&str>,
    default: Duration,
) -> Result<Duration, Malformed> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    parse(text).ok_or_else(|| Malformed {
        field,
        text: text.to_owned(),
    })
}

/// A duration as Go writes it (`1h30m`, `1.5s`), or whole seconds.
fn parse(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let amount: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, seconds) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += amount * seconds;
        rest = &rest[unit.len()..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit() {
        let strategy = RetryStrategy::default();
        let waits: Vec<_> = (0..7)
            .map(|tries| wait(&strategy, tries).unwrap().as_secs())
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 180]);
        assert_eq!(limit(Some(&strategy)), Some(5));
        assert_eq!(limit(None), Some(0));
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("soon"), None);
    }
}
