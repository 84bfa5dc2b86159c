//! Versions by <https://semver.org>.

use std::cmp::Ordering;
use std::fmt;

use super::super::signature::Overload;
use super::super::signature::Sort::{Bool, Int, Semver, Text};
use super::{Called, function, method, mismatch, quantity, text};
use crate::cel::value::Value;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    pre: String,
    build: String,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (rest, build) = text.split_once('+').unwrap_or((text, ""));
        let (core, pre) = rest.split_once('-').unwrap_or((rest, ""));
        if (build.is_empty() && text.contains('+')) || (pre.is_empty() && rest.contains('-')) {
            return None;
        }
        let number = |part: &str| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'));
            if plain { part.parse().ok() } else { None }
        };
        let numbers: Vec<u64> = core.split('.').map(number).collect::<Option<_>>()?;
        let fits = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let parts_fit = |parts: &str| parts.is_empty() || parts.split('.').all(fits);
        if !parts_fit(pre) || !parts_fit(build) {
            return None;
        }
        Some(Self {
            numbers: numbers.try_into().ok()?,
            pre: pre.to_owned(),
            build: build.to_owned(),
        })
    }

    /// Like `v1.2`: the prefix may be there, numbers may be absent or begin with zeros.
    fn normalized(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (core, rest) = text.split_at(end);
        let mut numbers: Vec<String> = Vec::new();
        for part in core.split('.') {
            let trimmed = part.trim_start_matches('0');
            numbers.push(if trimmed.is_empty() && !part.is_empty() {
                "0".to_owned()
            } else {
                trimmed.to_owned()
            });
        }
        numbers.resize(numbers.len().max(3), "0".to_owned());
        Self::parse(&format!("{}{rest}", numbers.join(".")))
    }

    /// The precedence; what was built how does not count.
    pub(in crate::cel) fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_parts(&self.pre, &other.pre),
            }
        })
    }
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    let key = |part: &str| {
        part.parse::<u64>().map_or_else(
            |_| (1, 0, part.to_owned()),
            |number| (0, number, String::new()),
        )
    };
    left.split('.').map(key).cmp(right.split('.').map(key))
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(formatter, "{major}.{minor}.{patch}")?;
        for (mark, part) in [('-', &self.pre), ('+', &self.build)] {
            if !part.is_empty() {
                write!(formatter, "{mark}{part}")?;
            }
        }
        Ok(())
    }
}

pub(super) static FUNCTIONS: &[Overload] = &[
    function("semver", &[Text], Semver, parse),
    function("semver", &[Text, Bool], Semver, parse),
    function("isSemver", &[Text], Bool, |_, values| {
        Ok(read(values)?.is_some().into())
    }),
    function("isSemver", &[Text, Bool], Bool, |_, values| {
        Ok(read(values)?.is_some().into())
    }),
    method("major", &[Semver], Int, |_, values| number(values, 0)),
    method("minor", &[Semver], Int, |_, values| number(values, 1)),
    method("patch", &[Semver], Int, |_, values| number(values, 2)),
    method("isLessThan", &[Semver, Semver], Bool, |_, values| {
        Ok(compare(values)?.is_lt().into())
    }),
    method("isGreaterThan", &[Semver, Semver], Bool, |_, values| {
        Ok(compare(values)?.is_gt().into())
    }),
    method("compareTo", &[Semver, Semver], Int, |_, values| {
        Ok(Value::Int(quantity::sign(compare(values)?)))
    }),
];

fn read(values: &[Value]) -> Result<Option<Version>, String> {
    let text = text(values, 0)?;
    Ok(match values.get(1) {
        Some(Value::Bool(true)) => Version::normalized(text),
        _ => Version::parse(text),
    })
}

fn parse(_: &mut super::Scratch<'_>, values: &[Value]) -> Called {
    let version = read(values)?.ok_or_else(|| {
        format!(
            "{:?} is no semantic version",
            text(values, 0).unwrap_or_default()
        )
    })?;
    Ok(Value::Semver(version.into()))
}

fn one(values: &[Value], index: usize) -> Result<&Version, String> {
    match values.get(index) {
        Some(Value::Semver(version)) => Ok(version),
        _ => Err(mismatch()),
    }
}

fn number(values: &[Value], index: usize) -> Called {
    let number = one(values, 0)?.numbers[index];
    i64::try_from(number)
        .map(Value::Int)
        .map_err(|_| "integer overflow".to_owned())
}

fn compare(values: &[Value]) -> Result<Ordering, String> {
    Ok(one(values, 0)?.compare(one(values, 1)?))
}
