//! Reports of a scan: Trivy's table and JSON, and SARIF 2.1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::port::{Finding, Severity};

/// A report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Sarif,
}

impl Format {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "table" | "" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "sarif" => Ok(Self::Sarif),
            other => Err(format!(
                "`format: {other}` is not supported: use table, json or sarif"
            )),
        }
    }

    /// The report about `subject`.
    pub(super) fn render(self, subject: &str, findings: &[Finding]) -> String {
        match self {
            Self::Table => table(subject, findings),
            Self::Json => pretty(&document(subject, findings)),
            Self::Sarif => pretty(&sarif(findings)),
        }
    }
}

fn pretty(value: &Value) -> String {
    // A `Value` has only string keys, so it always serialises.
    format!("{value:#}\n")
}

/// A finding in a few words.
pub(super) fn short(finding: &Finding) -> String {
    let Finding {
        id,
        package,
        installed,
        target,
        severity,
        ..
    } = finding;
    let severity = severity.name();
    match (package.as_str(), finding.line) {
        ("", Some(line)) => format!("{severity} {id} at {target}:{line}"),
        ("", None) => format!("{severity} {id} in {target}"),
        (package, _) => format!("{severity} {id} in {package} {installed} ({target})"),
    }
}

fn by_target(findings: &[Finding]) -> BTreeMap<&str, Vec<&Finding>> {
    let mut targets: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        targets.entry(&finding.target).or_default().push(finding);
    }
    targets
}

fn table(subject: &str, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return format!("{subject}: nothing found\n");
    }
    let mut output = String::new();
    for (target, findings) in by_target(findings) {
        let counts: Vec<String> = Severity::ALL
            .iter()
            .map(|severity| {
                let count = findings.iter().filter(|f| f.severity == *severity).count();
                format!("{}: {count}", severity.name())
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            output,
            "{target}\nTotal: {} ({})\n",
            findings.len(),
            counts.join(", ")
        );
        let rows = findings.iter().map(|finding| row(finding));
        let header = [
            "Library",
            "Vulnerability",
            "Severity",
            "Installed",
            "Fixed",
            "Title",
        ];
        let rows: Vec<[String; 6]> = std::iter::once(header.map(str::to_owned))
            .chain(rows)
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
        for row in &rows {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(output, "{cell:width$}  ");
            }
            let _ = writeln!(output, "{}", row[5]);
        }
        output.push('\n');
    }
    output
}

fn row(finding: &Finding) -> [String; 6] {
    let library = if finding.package.is_empty() {
        finding.line.map_or_else(
            || "(secret)".to_owned(),
            |line| format!("(secret, line {line})"),
        )
    } else {
        finding.package.clone()
    };
    [
        library,
        finding.id.clone(),
        finding.severity.name().to_owned(),
        finding.installed.clone(),
        finding.fixed.clone(),
        finding.title.clone(),
    ]
}

/// Trivy's JSON report, schema version 2.
fn document(subject: &str, findings: &[Finding]) -> Value {
    let results: Vec<Value> = by_target(findings)
        .into_iter()
        .map(|(target, findings)| {
            let (secrets, packages): (Vec<_>, Vec<_>) = findings
                .into_iter()
                .partition(|finding| finding.package.is_empty());
            let mut result = json!({ "Target": target });
            if !packages.is_empty() {
                result["Vulnerabilities"] = packages.into_iter().map(vulnerability).collect();
            }
            if !secrets.is_empty() {
                result["Secrets"] = secrets.into_iter().map(secret).collect();
            }
            result
        })
        .collect();
    json!({ "SchemaVersion": 2, "ArtifactName": subject, "Results": results })
}

fn vulnerability(finding: &Finding) -> Value {
    json!({
        "VulnerabilityID": finding.id,
        "PkgName": finding.package,
        "InstalledVersion": finding.installed,
        "FixedVersion": finding.fixed,
        "Severity": finding.severity.name(),
        "Title": finding.title,
    })
}

fn secret(finding: &Finding) -> Value {
    json!({
        "RuleID": finding.id,
        "Severity": finding.severity.name(),
        "Title": finding.title,
        "StartLine": finding.line,
    })
}

fn sarif(findings: &[Finding]) -> Value {
    let rules: BTreeMap<&str, &str> = findings
        .iter()
        .map(|finding| (finding.id.as_str(), finding.title.as_str()))
        .collect();
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|(id, title)| json!({ "id": id, "shortDescription": { "text": title } }))
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let level = match finding.severity {
                Severity::Critical | Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low | Severity::Unknown => "note",
            };
            json!({
                "ruleId": finding.id,
                "level": level,
                "message": { "text": short(finding) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": finding.target },
                    "region": { "startLine": finding.line.unwrap_or(1) },
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": "Seatrial", "rules": rules } }, "results": results }],
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding {
                target: "requirements.txt".to_owned(),
                id: "GHSA-x".to_owned(),
                package: "jinja2".to_owned(),
                installed: "2.10".to_owned(),
                fixed: "2.10.1".to_owned(),
                severity: Severity::High,
                title: "Sandbox escape".to_owned(),
                line: None,
            },
            Finding {
                target: "app/config.py".to_owned(),
                id: "aws-access-key".to_owned(),
                package: String::new(),
                installed: String::new(),
                fixed: String::new(),
                severity: Severity::Critical,
                title: "AWS access key".to_owned(),
                line: Some(3),
            },
        ]
    }

    #[test]
    fn the_table_names_target_and_counts() {
        expect![[r#"
            app/config.py
            Total: 1 (UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 0, CRITICAL: 1)

            Library           Vulnerability   Severity  Installed  Fixed  Title
            (secret, line 3)  aws-access-key  CRITICAL                    AWS access key

            requirements.txt
            Total: 1 (UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 1, CRITICAL: 0)

            Library  Vulnerability  Severity  Installed  Fixed   Title
            jinja2   GHSA-x         HIGH      2.10       2.10.1  Sandbox escape

        "#]]
        .assert_eq(&Format::Table.render(".", &findings()));
        assert_eq!(Format::Table.render(".", &[]), ".: nothing found\n");
    }

    #[test]
    fn json_and_sarif_hold_the_findings() {
        let json: Value = serde_json::from_str(&Format::Json.render(".", &findings())).unwrap();
        assert_eq!(
            json["Results"][1]["Vulnerabilities"][0]["PkgName"],
            "jinja2"
        );
        assert_eq!(json["Results"][0]["Secrets"][0]["StartLine"], 3);
        let sarif: Value = serde_json::from_str(&Format::Sarif.render(".", &findings())).unwrap();
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
        assert!(Format::parse("html").unwrap_err().contains("html"));
    }
}
