//! Scans: known vulnerabilities of packages, and secrets in files.
//!
//! ```text
//!   Subject ──inventory──▶ packages ──┐
//!   directory of OSV files ──────────▶├──▶ Report ──▶ table, JSON, exit code
//!   Subject ──files──▶ secret rules ──┘
//! ```
//!
//! Vulnerabilities are looked up in a directory of [OSV](https://ossf.github.io/osv-schema/) files. Without one the report says
//! so: "no database" must never read like "no vulnerabilities".

mod advisory;
mod cvss;
mod report;
mod secrets;
mod version;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use advisory::Database;
pub use cvss::base_score;
pub use report::{Finding, Findings, Report, Secret, Vulnerability};

use crate::inventory::{Subject, inventory};
use crate::store::HostBase;

/// How bad a finding is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Nobody has said.
    Unknown,
    /// CVSS below 4.
    Low,
    /// CVSS from 4.
    Medium,
    /// CVSS from 7.
    High,
    /// CVSS from 9.
    Critical,
}

impl Severity {
    /// All, in rising order.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// In upper case, as scanners print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Reads a name in any case; `MODERATE` is medium, as GitHub writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("moderate") {
            return Some(Self::Medium);
        }
        Self::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(text))
    }

    /// The severity of a CVSS score (CVSS 3.1, section 5).
    pub fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// What to look for, and what counts.
#[derive(Debug, Clone)]
pub struct Options {
    /// A directory with OSV files; absent: vulnerabilities are not looked for, and the report says so.
    pub advisories: Option<PathBuf>,
    /// Which severities are reported; empty is all.
    pub severities: BTreeSet<Severity>,
    /// Whether vulnerabilities without a mended version are reported.
    pub unfixed: Unfixed,
    /// Advisories that are accepted, by any of their names.
    pub accepted: BTreeSet<String>,
    /// Whether files are searched for secrets.
    pub secrets: Secrets,
}

/// Whether vulnerabilities without a mended version are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfixed {
    /// They are.
    Reported,
    /// They are not (`ignore-unfixed`).
    Ignored,
}

/// Whether files are searched for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// They are.
    Searched,
    /// They are not.
    Skipped,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            advisories: None,
            severities: BTreeSet::new(),
            unfixed: Unfixed::Reported,
            accepted: BTreeSet::new(),
            secrets: Secrets::Searched,
        }
    }
}

impl Options {
    fn takes(&self, severity: Severity) -> bool {
        self.severities.is_empty() || self.severities.contains(&severity)
    }
}

/// Scans a subject.
///
/// # Errors
/// [`crate::Error::File`] where the directory of advisories cannot be read.
pub fn scan(subject: &Subject, options: &Options) -> Result<Report, crate::Error> {
    let found = inventory(subject);
    let mut notes = found.problems.clone();
    let database = options
        .advisories
        .as_deref()
        .map(Database::read)
        .transpose()?;
    let mut vulnerabilities = Vec::new();
    match &database {
        None => notes.push(
            "no advisory database was given, so vulnerabilities were not looked for; name a directory of OSV files with --advisories".to_owned(),
        ),
        Some(database) => {
            notes.extend(database.problems().iter().cloned());
            for package in &found.packages {
                vulnerabilities.extend(database.affecting(package, &mut notes));
            }
        }
    }
    if subject.base == HostBase::Present {
        notes.push(
            "the image lies over the machine's own files (seatrial/host), which were not scanned"
                .to_owned(),
        );
    }
    vulnerabilities.retain(|found| {
        options.takes(found.severity)
            && !(options.unfixed == Unfixed::Ignored && found.fixed.is_empty())
            && !found.names().any(|name| options.accepted.contains(name))
    });
    vulnerabilities
        .sort_by(|a, b| (b.severity, &a.package, &a.id).cmp(&(a.severity, &b.package, &b.id)));
    let mut secrets = match options.secrets {
        Secrets::Searched => secrets::search(subject),
        Secrets::Skipped => Vec::new(),
    };
    secrets.retain(|found| options.takes(found.severity) && !options.accepted.contains(found.rule));
    Ok(Report {
        subject: subject.name.clone(),
        packages: found.packages.len(),
        advisories: database.map(|database| database.len()),
        findings: Findings {
            vulnerabilities,
            secrets,
        },
        notes,
    })
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests;
