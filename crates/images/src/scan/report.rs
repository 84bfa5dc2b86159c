//! What a scan found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Severity;

/// A package version with a known weakness.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vulnerability {
    /// The advisory.
    pub id: String,
    /// Its other names, such as the CVE.
    pub aliases: Vec<String>,
    /// The package.
    pub package: String,
    /// The version that is there.
    pub installed: String,
    /// The version that mends it; empty where there is none.
    pub fixed: String,
    /// How bad it is.
    pub severity: Severity,
    /// The CVSS base score, where the advisory has a vector of version 3.
    pub score: Option<f64>,
    /// In one line.
    pub title: String,
    /// The file that names the package.
    pub location: String,
}

impl Vulnerability {
    /// All its names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id)
            .chain(&self.aliases)
            .map(String::as_str)
    }
}

/// Something in a file that should not be public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// The rule, such as `aws-access-key-id`.
    pub rule: &'static str,
    /// What the rule looks for.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file, from the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The value with all but its first letters hidden.
    pub masked: String,
}

/// All findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    /// The worst first.
    pub vulnerabilities: Vec<Vulnerability>,
    /// In order of files and lines.
    pub secrets: Vec<Secret>,
}

/// One finding of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding<'a> {
    /// A package.
    Vulnerability(&'a Vulnerability),
    /// A secret.
    Secret(&'a Secret),
}

/// What a scan found and what it could not look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was scanned.
    pub subject: String,
    /// How many packages it has.
    pub packages: usize,
    /// How many advisories were known; `None` where there was no database.
    pub advisories: Option<usize>,
    /// The findings.
    pub findings: Findings,
    /// What the reader must know.
    pub notes: Vec<String>,
}

impl Report {
    /// All findings: vulnerabilities, then secrets.
    pub fn all(&self) -> impl Iterator<Item = Finding<'_>> {
        let vulnerabilities = self
            .findings
            .vulnerabilities
            .iter()
            .map(Finding::Vulnerability);
        vulnerabilities.chain(self.findings.secrets.iter().map(Finding::Secret))
    }

    /// 0 where nothing was found, else `found`.
    pub fn exit_code(&self, found: i32) -> i32 {
        if self.all().next().is_none() {
            0
        } else {
            found
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "subject": self.subject,
            "packages": self.packages,
            "database": {"given": self.advisories.is_some(), "advisories": self.advisories.unwrap_or(0)},
            "vulnerabilities": self.findings.vulnerabilities,
            "secrets": self.findings.secrets,
            "notes": self.notes,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("{}: {} packages\n", self.subject, self.packages);
        let found = &self.findings.vulnerabilities;
        let _ = match self.advisories {
            None => writeln!(
                text,
                "Vulnerabilities: not looked for (no advisory database)"
            ),
            Some(known) if found.is_empty() => {
                writeln!(text, "Vulnerabilities: none known ({known} advisories)")
            }
            Some(known) => writeln!(
                text,
                "Vulnerabilities: {} ({})  [{known} advisories]",
                found.len(),
                counts(found)
            ),
        };
        if !found.is_empty() {
            let rows = found.iter().map(|v| {
                let fixed = if v.fixed.is_empty() { "-" } else { &v.fixed };
                [
                    v.severity.name(),
                    &v.package,
                    &v.installed,
                    fixed,
                    &v.id,
                    &v.title,
                ]
                .map(str::to_owned)
            });
            text += &columns(
                [
                    "SEVERITY",
                    "PACKAGE",
                    "INSTALLED",
                    "FIXED",
                    "ADVISORY",
                    "TITLE",
                ],
                rows.collect(),
            );
        }
        let secrets = &self.findings.secrets;
        if secrets.is_empty() {
            text += "Secrets: none found\n";
        } else {
            let _ = writeln!(text, "Secrets: {}", secrets.len());
            let rows = secrets.iter().map(|s| {
                [
                    s.severity.name().to_owned(),
                    format!("{}:{}", s.file, s.line),
                    s.rule.to_owned(),
                    s.masked.clone(),
                ]
            });
            text += &columns(["SEVERITY", "WHERE", "RULE", "VALUE"], rows.collect());
        }
        for note in &self.notes {
            let _ = writeln!(text, "Note: {note}");
        }
        text
    }
}

fn counts(found: &[Vulnerability]) -> String {
    let count = |severity: Severity| found.iter().filter(|v| v.severity == severity).count();
    let parts = Severity::ALL
        .iter()
        .rev()
        .map(|severity| (severity.name(), count(*severity)));
    parts
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}: {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn columns<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::from(" ");
        for (index, cell) in row.iter().enumerate() {
            let width = rows
                .iter()
                .map(|row| row[index].chars().count())
                .max()
                .unwrap_or(0);
            let _ = write!(line, " {cell:width$} ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
