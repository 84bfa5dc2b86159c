//! Levels, versions, and which checks belong to which.

use seatrial_store::Pairs;
use std::fmt;

use serde_json::Value;

use super::{PREFIX, baseline, restricted};

/// The minor version of the checks that `latest` means.
const LATEST: u32 = 34;

/// How much a pod may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Level {
    #[default]
    Privileged,
    Baseline,
    Restricted,
}

/// A level at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standard {
    pub(super) level: Level,
    /// The minor version; `None` for the latest.
    pub(super) version: Option<u32>,
}

impl fmt::Display for Standard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version {
            None => write!(formatter, "{level}:latest"),
            Some(minor) => write!(formatter, "{level}:v1.{minor}"),
        }
    }
}

/// What a namespace says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Policy {
    pub(super) enforce: Standard,
    pub(super) audit: Standard,
    pub(super) warn: Standard,
}

impl Policy {
    /// Reads the labels, with what is wrong with them. As upstream, a bad level is taken for the
    /// strictest where it enforces nothing and a bad version for the latest.
    pub(super) fn read(labels: &Pairs, defaults: &Self) -> (Self, Vec<String>) {
        let mut errors = Vec::new();
        let mut standard = |mode: &str| {
            let level = labels.get(&format!("{PREFIX}/{mode}"));
            let version = labels.get(&format!("{PREFIX}/{mode}-version"));
            let level = level.map(|text| read_level(mode, text, &mut errors));
            let version = version.map(|text| read_version(mode, text, &mut errors));
            (level, version)
        };
        let (enforce, enforce_version) = standard("enforce");
        let (audit, audit_version) = standard("audit");
        let (warn, warn_version) = standard("warn");
        let enforce = Standard {
            level: enforce.unwrap_or(defaults.enforce.level),
            version: enforce_version.unwrap_or(defaults.enforce.version),
        };
        let audit = Standard {
            level: audit.unwrap_or(defaults.audit.level),
            version: audit_version.unwrap_or(defaults.audit.version),
        };
        // What is enforced is warned of as well where nothing else is said (for workloads).
        let mut warn_standard = Standard {
            level: warn.unwrap_or(defaults.warn.level),
            version: warn_version.unwrap_or(defaults.warn.version),
        };
        if warn.is_none() && enforce.level > warn_standard.level {
            warn_standard = enforce;
        }
        let policy = Self {
            enforce,
            audit,
            warn: warn_standard,
        };
        (policy, errors)
    }
}

fn read_level(mode: &str, text: &str, errors: &mut Vec<String>) -> Level {
    parse_level(text).unwrap_or_else(|problem| {
        errors.push(format!(
            "metadata.labels[{PREFIX}/{mode}]: Invalid value: {text:?}: {problem}"
        ));
        if mode == "enforce" {
            Level::Restricted
        } else {
            Level::Privileged
        }
    })
}

/// The level of a name.
///
/// # Errors
/// What a name must be.
pub(super) fn parse_level(text: &str) -> Result<Level, &'static str> {
    match text {
        "privileged" => Ok(Level::Privileged),
        "baseline" => Ok(Level::Baseline),
        "restricted" => Ok(Level::Restricted),
        _ => Err("must be one of privileged, baseline, restricted"),
    }
}

/// The minor version that a text names; `None` for the latest.
///
/// # Errors
/// What a version must be.
pub(super) fn parse_version(text: &str) -> Result<Option<u32>, &'static str> {
    if text == "latest" {
        return Ok(None);
    }
    let minor = text
        .strip_prefix("v1.")
        .filter(|digits| !digits.starts_with('0') || *digits == "0");
    let minor = minor.and_then(|digits| digits.parse().ok());
    minor.map(Some).ok_or("must be \"latest\" or \"v1.x\"")
}

fn read_version(mode: &str, text: &str, errors: &mut Vec<String>) -> Option<u32> {
    parse_version(text).unwrap_or_else(|problem| {
        errors.push(format!(
            "metadata.labels[{PREFIX}/{mode}-version]: Invalid value: {text:?}: {problem}"
        ));
        None
    })
}

/// Several errors as one text, as upstream aggregates them.
pub(super) fn aggregate(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// Something that a standard does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Violation {
    pub(super) fn new(reason: &str, detail: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            detail: detail.into(),
        }
    }
}

/// One check: since which minor version, and what it finds.
pub(super) type Check = (u32, fn(&Value) -> Option<Violation>);

/// The checks of a name, oldest version first.
pub(super) struct Row {
    pub(super) checks: &'static [Check],
    /// Since when a restricted check says it better.
    pub(super) replaced_since: Option<u32>,
}

/// Everything that `standard` finds wrong with `pod` (an object with `metadata` and `spec`), in
/// upstream's order: baseline first, each sorted by name.
pub(super) fn check(standard: &Standard, pod: &Value) -> Vec<Violation> {
    let version = standard.version.unwrap_or(LATEST).min(LATEST);
    let run = |rows: &[Row], level: Level| -> Vec<Violation> {
        rows.iter()
            .filter(|row| {
                let replaced = row.replaced_since.is_some_and(|since| version >= since);
                level == Level::Baseline || !replaced
            })
            .filter_map(|row| row.checks.iter().rev().find(|(since, _)| *since <= version))
            .filter_map(|(_, check)| check(pod))
            .collect()
    };
    match standard.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => run(&baseline::ROWS, Level::Baseline),
        Level::Restricted => {
            let mut found = run(&baseline::ROWS, Level::Restricted);
            found.extend(run(&restricted::ROWS, Level::Restricted));
            found
        }
    }
}
