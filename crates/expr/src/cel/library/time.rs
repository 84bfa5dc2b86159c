//! Moments and durations.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::super::signature::Overload;
use super::super::signature::Sort::{Duration, Int, Text, Timestamp as Moment};
use super::{Called, method, mismatch, text};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[
    method("getFullYear", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.year()))
    }),
    method("getFullYear", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.year()))
    }),
    method("getMonth", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.month()) - 1)
    }),
    method("getMonth", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.month()) - 1)
    }),
    method("getDate", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.day()))
    }),
    method("getDate", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.day()))
    }),
    method("getDayOfMonth", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.day()) - 1)
    }),
    method("getDayOfMonth", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.day()) - 1)
    }),
    method("getDayOfWeek", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.weekday().to_sunday_zero_offset()))
    }),
    method("getDayOfWeek", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.weekday().to_sunday_zero_offset()))
    }),
    method("getDayOfYear", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.day_of_year()) - 1)
    }),
    method("getDayOfYear", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.day_of_year()) - 1)
    }),
    method("getHours", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.hour()))
    }),
    method("getHours", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.hour()))
    }),
    method("getMinutes", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.minute()))
    }),
    method("getMinutes", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.minute()))
    }),
    method("getSeconds", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.second()))
    }),
    method("getSeconds", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.second()))
    }),
    method("getMilliseconds", &[Moment], Int, |_, values| {
        part(values, |at| i64::from(at.millisecond()))
    }),
    method("getMilliseconds", &[Moment, Text], Int, |_, values| {
        part(values, |at| i64::from(at.millisecond()))
    }),
    method("getHours", &[Duration], Int, |_, values| {
        span(values, |span| span.as_secs() / 3600)
    }),
    method("getMinutes", &[Duration], Int, |_, values| {
        span(values, |span| span.as_secs() / 60)
    }),
    method("getSeconds", &[Duration], Int, |_, values| {
        span(values, SignedDuration::as_secs)
    }),
    method("getMilliseconds", &[Duration], Int, |_, values| {
        span(values, |span| i64::from(span.subsec_millis()))
    }),
];

fn part(values: &[Value], read: fn(&Zoned) -> i64) -> Called {
    let Some(Value::Timestamp(moment)) = values.first() else {
        return Err(mismatch());
    };
    let zone = if values.len() > 1 {
        zone(text(values, 1)?)?
    } else {
        TimeZone::UTC
    };
    let moment: Timestamp = *moment;
    Ok(Value::Int(read(&moment.to_zoned(zone))))
}

fn span(values: &[Value], read: fn(&SignedDuration) -> i64) -> Called {
    match values {
        [Value::Duration(span)] => Ok(Value::Int(read(span))),
        _ => Err(mismatch()),
    }
}

/// A zone by name, or by its distance from UTC such as `-08:00`.
fn zone(name: &str) -> Result<TimeZone, String> {
    let Some((hours, minutes)) = name.split_once(':') else {
        return TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"));
    };
    let wrong = || format!("unknown time zone {name}");
    let seconds = |text: &str, unit: i32| {
        text.parse::<i32>()
            .ok()
            .filter(|number| number.abs() < 60)
            .map(|number| number * unit)
    };
    let (hours_value, minutes) = seconds(hours, 3600)
        .zip(seconds(minutes, 60))
        .ok_or_else(wrong)?;
    let total = if hours.starts_with('-') {
        hours_value - minutes
    } else {
        hours_value + minutes
    };
    Offset::from_seconds(total)
        .map(TimeZone::fixed)
        .map_err(|_| wrong())
}

const UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a duration as Go writes it: `1h30m`, `-1.5s`, `0`.
pub(in crate::cel) fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let length = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or_else(wrong)?;
        let number = &rest[..length];
        rest = &rest[length..];
        let end = rest
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(rest.len());
        let (_, unit) = UNITS
            .iter()
            .find(|(name, _)| *name == &rest[..end])
            .ok_or_else(wrong)?;
        rest = &rest[end..];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse::<u64>().map_err(|_| wrong())?.into()
        };
        let fraction: f64 = if fraction.is_empty() {
            0.0
        } else {
            format!("0.{fraction}").parse().map_err(|_| wrong())?
        };
        total += whole * (*unit as i128) + (fraction * unit) as i128;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total)
        .map(SignedDuration::from_nanos)
        .map_err(|_| wrong())
}

/// A duration as upstream writes it: in seconds, `90s`, `1.5s`.
pub(in crate::cel) fn show(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    let (sign, nanos) = if nanos < 0 {
        ("-", -nanos)
    } else {
        ("", nanos)
    };
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{whole}s");
    }
    let fraction = format!("{rest:09}");
    format!("{sign}{whole}.{}s", fraction.trim_end_matches('0'))
}
