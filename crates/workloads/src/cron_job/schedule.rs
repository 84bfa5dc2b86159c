//! Cron expressions as upstream reads them: five fields, names, steps, `@hourly`, `@every 1h30m`. Pure.
//!
//! The meaning is that of `robfig/cron` v3, which Kubernetes uses: where day of month and day of
//! week are both restricted, either one suffices; a moment that a clock change skips is skipped.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Why an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not five fields.
    #[error("expected exactly 5 fields, found {0}: {1}")]
    Fields(usize, String),
    /// A word that is neither a number nor a known name.
    #[error("failed to parse int from {0}")]
    Number(String),
    /// A number outside of its field's bounds.
    #[error("{side} of range ({number}) {relation} ({bound}): {text}")]
    Range {
        /// `beginning` or `end`.
        side: &'static str,
        /// What was given.
        number: u32,
        /// How it is wrong.
        relation: &'static str,
        /// The bound.
        bound: u32,
        /// The part of the field.
        text: String,
    },
    /// A step of zero.
    #[error("step of range should be a positive number: {0}")]
    Step(String),
    /// More than one `-` or `/`.
    #[error("too many {0}: {1}")]
    TooMany(&'static str, String),
    /// An `@word` that means nothing.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// The duration of `@every`.
    #[error("failed to parse duration {0}")]
    Every(String),
    /// A zone within the expression.
    #[error("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")]
    Zone,
}

/// The moments at which something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Always so much later.
    Every(SignedDuration),
    /// Where all fields agree.
    Fields(Fields),
}

/// The allowed values of each field, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// Whether day of month, or day of week, is `*`: then the other one decides alone.
    any_day: bool,
    any_weekday: bool,
}

struct Bounds {
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const fn bounds(first: u32, last: u32, names: &'static [&'static str]) -> Bounds {
    Bounds { first, last, names }
}

/// Minute, hour, day of month, month, day of week.
const BOUNDS: [Bounds; 5] = [
    bounds(0, 59, &[]),
    bounds(0, 23, &[]),
    bounds(1, 31, &[]),
    bounds(1, 12, MONTHS),
    bounds(0, 6, WEEKDAYS),
];

impl Schedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, in upstream's words.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.contains("TZ=") {
            return Err(Error::Zone);
        }
        if let Some(duration) = text.strip_prefix("@every ") {
            let duration = every(duration).ok_or_else(|| Error::Every(duration.to_owned()))?;
            return Ok(Self::Every(duration));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other if other.starts_with('@') => return Err(Error::Descriptor(other.to_owned())),
            other => other,
        };
        let words: Vec<_> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            return Err(Error::Fields(words.len(), text.to_owned()));
        };
        let (minute, _) = field(minute, &BOUNDS[0])?;
        let (hour, _) = field(hour, &BOUNDS[1])?;
        let (day, any_day) = field(day, &BOUNDS[2])?;
        let (month, _) = field(month, &BOUNDS[3])?;
        let (weekday, any_weekday) = field(weekday, &BOUNDS[4])?;
        Ok(Self::Fields(Fields {
            minute,
            hour,
            day,
            month,
            weekday,
            any_day,
            any_weekday,
        }))
    }

    /// The first moment after `after`; none where there is none within five years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(delay) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(*delay).ok()
            }
            Self::Fields(fields) => fields.next(after, zone),
        }
    }
}

impl Fields {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A field without values (`,`) is never due; five years of minutes need not be tried for it.
        let sets = [self.minute, self.hour, self.day, self.month, self.weekday];
        if sets.contains(&0) {
            return None;
        }
        let second = after.as_second();
        let mut at = Timestamp::from_second(second - second.rem_euclid(60) + 60).ok()?;
        let last_year = at.to_zoned(zone.clone()).year() + 5;
        loop {
            let local = at.to_zoned(zone.clone());
            if local.year() > last_year {
                return None;
            }
            if !has(self.month, local.month()) {
                let month = local.date().last_of_month().tomorrow().ok()?;
                at = start(month, zone)?;
            } else if !self.is_on(local.date()) {
                at = start(local.date().tomorrow().ok()?, zone)?;
            } else if !has(self.hour, local.hour()) {
                let rest = 60 - i64::from(local.minute());
                at = at.checked_add(SignedDuration::from_mins(rest)).ok()?;
            } else if has(self.minute, local.minute()) {
                return Some(at);
            } else {
                at = at.checked_add(SignedDuration::from_mins(1)).ok()?;
            }
        }
    }

    fn is_on(&self, date: Date) -> bool {
        let day = has(self.day, date.day());
        let weekday = has(self.weekday, date.weekday().to_sunday_zero_offset());
        if self.any_day || self.any_weekday {
            day && weekday
        } else {
            day || weekday
        }
    }
}

fn start(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp())
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set & (1 << value) != 0)
}

/// The allowed values of a field, and whether it says "any".
fn field(text: &str, bounds: &Bounds) -> Result<(u64, bool), Error> {
    let (mut set, mut any) = (0, false);
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (values, is_any) = range(part, bounds)?;
        set |= values;
        any |= is_any;
    }
    Ok((set, any))
}

/// `7`, `1-5`, `*`, `*/15`, `10/5`, `mon-fri`.
fn range(text: &str, bounds: &Bounds) -> Result<(u64, bool), Error> {
    let halves: Vec<_> = text.split('/').collect();
    let (span, step) = match halves[..] {
        [span] => (span, None),
        [span, step] => (span, Some(step)),
        _ => return Err(Error::TooMany("slashes", text.to_owned())),
    };
    let ends: Vec<_> = span.split('-').collect();
    let star = matches!(ends[0], "*" | "?");
    let (first, mut last) = match ends[..] {
        _ if star => (bounds.first, bounds.last),
        [one] => (value(one, bounds)?, value(one, bounds)?),
        [first, last] => (value(first, bounds)?, value(last, bounds)?),
        _ => return Err(Error::TooMany("hyphens", text.to_owned())),
    };
    let mut any = star;
    let step = match step {
        None => 1,
        Some(step) => {
            let step: u32 = step.parse().map_err(|_| Error::Number(step.to_owned()))?;
            if ends.len() == 1 && !star {
                last = bounds.last;
            }
            any &= step <= 1;
            step
        }
    };
    let fault = |side, number, relation, bound| Error::Range {
        side,
        number,
        relation,
        bound,
        text: text.to_owned(),
    };
    if first < bounds.first {
        return Err(fault("beginning", first, "below minimum", bounds.first));
    }
    if last > bounds.last {
        return Err(fault("end", last, "above maximum", bounds.last));
    }
    if first > last {
        return Err(fault("beginning", first, "beyond end of range", last));
    }
    if step == 0 {
        return Err(Error::Step(text.to_owned()));
    }
    let set = (first..=last)
        .step_by(step as usize)
        .fold(0, |set, value| set | (1 << value));
    Ok((set, any))
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, Error> {
    let name = text.to_ascii_lowercase();
    if let Some(place) = bounds.names.iter().position(|one| *one == name) {
        return Ok(bounds.first + place as u32);
    }
    text.parse().map_err(|_| Error::Number(text.to_owned()))
}

/// A duration as Go writes it, at least a second.
fn every(text: &str) -> Option<SignedDuration> {
    let mut total = 0.0_f64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, seconds) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total += number * seconds;
    }
    (!text.trim().is_empty()).then(|| SignedDuration::from_secs((total as i64).max(1)))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn zone(name: &str) -> TimeZone {
        super::super::zone::find(name).unwrap()
    }

    fn check(text: &str, zone_name: &str, after: &str, expected: Expect) {
        let zone = zone(zone_name);
        let schedule = Schedule::parse(text).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let mut lines = Vec::new();
        for _ in 0..3 {
            let Some(next) = schedule.next(at, &zone) else {
                lines.push("never".to_owned());
                break;
            };
            at = next;
            let local = at.to_zoned(zone.clone());
            lines.push(local.strftime("%a %Y-%m-%d %H:%M%:z").to_string());
        }
        expected.assert_eq(&lines.join(" | "));
    }

    #[test]
    fn fields_steps_names_and_lists() {
        let new_year = "2026-01-01T00:00:00Z";
        check(
            "*/15 * * * *",
            "UTC",
            new_year,
            expect![
                "Thu 2026-01-01 00:15+00:00 | Thu 2026-01-01 00:30+00:00 | Thu 2026-01-01 00:45+00:00"
            ],
        );
        check(
            "30 8 * * mon-fri",
            "UTC",
            "2026-01-02T09:00:00Z",
            expect![
                "Mon 2026-01-05 08:30+00:00 | Tue 2026-01-06 08:30+00:00 | Wed 2026-01-07 08:30+00:00"
            ],
        );
        check(
            "0 0 1,15 feb *",
            "UTC",
            new_year,
            expect![
                "Sun 2026-02-01 00:00+00:00 | Sun 2026-02-15 00:00+00:00 | Mon 2027-02-01 00:00+00:00"
            ],
        );
        check(
            "50/5 23 * * *",
            "UTC",
            new_year,
            expect![
                "Thu 2026-01-01 23:50+00:00 | Thu 2026-01-01 23:55+00:00 | Fri 2026-01-02 23:50+00:00"
            ],
        );
        check(
            "@weekly",
            "UTC",
            new_year,
            expect![
                "Sun 2026-01-04 00:00+00:00 | Sun 2026-01-11 00:00+00:00 | Sun 2026-01-18 00:00+00:00"
            ],
        );
        check(
            "@every 1h30m",
            "UTC",
            new_year,
            expect![
                "Thu 2026-01-01 01:30+00:00 | Thu 2026-01-01 03:00+00:00 | Thu 2026-01-01 04:30+00:00"
            ],
        );
    }

    #[test]
    fn two_restricted_days_are_alternatives() {
        check(
            "0 0 13 * fri",
            "UTC",
            "2026-01-01T00:00:00Z",
            expect![
                "Fri 2026-01-02 00:00+00:00 | Fri 2026-01-09 00:00+00:00 | Tue 2026-01-13 00:00+00:00"
            ],
        );
    }

    #[test]
    fn what_never_comes_is_not_waited_for() {
        check(
            "59 23 31 2 *",
            "UTC",
            "2026-01-01T00:00:00Z",
            expect!["never"],
        );
        check(
            "0 0 29 2 *",
            "UTC",
            "2026-01-01T00:00:00Z",
            expect![
                "Tue 2028-02-29 00:00+00:00 | Sun 2032-02-29 00:00+00:00 | Fri 2036-02-29 00:00+00:00"
            ],
        );
    }

    #[test]
    fn clock_changes_skip_and_repeat() {
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            expect![
                "Sat 2026-03-28 02:30+01:00 | Mon 2026-03-30 02:30+02:00 | Tue 2026-03-31 02:30+02:00"
            ],
        );
        check(
            "0 * * * *",
            "America/New_York",
            "2026-11-01T04:30:00Z",
            expect![
                "Sun 2026-11-01 01:00-04:00 | Sun 2026-11-01 01:00-05:00 | Sun 2026-11-01 02:00-05:00"
            ],
        );
        check(
            "0 9 * * *",
            "Asia/Kolkata",
            "2026-01-01T00:00:00Z",
            expect![
                "Thu 2026-01-01 09:00+05:30 | Fri 2026-01-02 09:00+05:30 | Sat 2026-01-03 09:00+05:30"
            ],
        );
    }

    #[test]
    fn bad_expressions_are_refused_by_name() {
        let mut text = String::new();
        for one in [
            "* * * *",
            "61 * * * *",
            "* * 0 * *",
            "5-1 * * * *",
            "x * * * *",
            "*/0 * * * *",
            "1-2-3 * * * *",
            "@never",
            "@every x",
            "TZ=UTC * * * * *",
            "* * * * 7",
        ] {
            text.push_str(&format!("{one}: {}\n", Schedule::parse(one).unwrap_err()));
        }
        expect![[r#"
            * * * *: expected exactly 5 fields, found 4: * * * *
            61 * * * *: end of range (61) above maximum (59): 61
            * * 0 * *: beginning of range (0) below minimum (1): 0
            5-1 * * * *: beginning of range (5) beyond end of range (1): 5-1
            x * * * *: failed to parse int from x
            */0 * * * *: step of range should be a positive number: */0
            1-2-3 * * * *: too many hyphens: 1-2-3
            @never: unrecognized descriptor: @never
            @every x: failed to parse duration x
            TZ=UTC * * * * *: cannot use TZ or CRON_TZ in schedule, use timeZone field instead
            * * * * 7: end of range (7) above maximum (6): 7
        "#]]
        .assert_eq(&text);
    }
}
