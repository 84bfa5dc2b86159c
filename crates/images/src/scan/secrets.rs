//! Secrets in files.

mod rules;

use std::fs;

use super::Secret;
use crate::inventory::Subject;
use rules::{RULES, Rule};

/// Files over this many bytes are data, not something a person wrote.
const SIZE_LIMIT: u64 = 1 << 20;

/// A line with one of these is accepted as it is.
const ALLOWED: [&str; 4] = [
    "seatrial:allow-secret",
    "gitleaks:allow",
    "trivy:ignore",
    "pragma: allowlist secret",
];

/// Searches every text file, in order.
pub(super) fn search(subject: &Subject) -> Vec<Secret> {
    let mut found = Vec::new();
    subject.files(&mut |path, source| {
        let is_small = fs::metadata(source).is_ok_and(|metadata| metadata.len() <= SIZE_LIMIT);
        if !is_small || is_skipped(path) {
            return;
        }
        let Ok(bytes) = fs::read(source) else { return };
        if bytes.iter().take(8000).any(|byte| *byte == 0) {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        search_text(path, &text, &mut found);
    });
    found
}

/// Lists of digests, and packages that others wrote.
fn is_skipped(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_lock = matches!(
        name,
        "package-lock.json" | "yarn.lock" | "pnpm-lock.yaml" | "Cargo.lock" | "go.sum"
    );
    let extension = std::path::Path::new(name).extension().unwrap_or_default();
    is_lock
        || extension == "lock"
        || path.contains("/site-packages/")
        || path.contains("/dist-packages/")
        || path.starts_with("usr/share/")
        || path.starts_with("usr/lib/")
}

fn search_text(path: &str, text: &str, found: &mut Vec<Secret>) {
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        let is_allowed = |line: &str| ALLOWED.iter().any(|mark| line.contains(mark));
        // The mark may stand on the line itself or on a comment of its own before it.
        let allowed = is_allowed(line) || (is_allowed(before) && is_comment(before));
        before = line;
        if allowed || line.len() > 4000 {
            continue;
        }
        if let Some((rule, value)) = RULES.iter().find_map(|rule| Some((rule, rule.find(line)?))) {
            found.push(secret(rule, path, index + 1, &value));
        }
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["#", "//", "--", ";", "/*", "<!--"]
        .iter()
        .any(|mark| line.starts_with(mark))
}

fn secret(rule: &Rule, file: &str, line: usize, value: &str) -> Secret {
    Secret {
        rule: rule.name,
        title: rule.title,
        severity: rule.severity,
        file: file.to_owned(),
        line,
        // The first line of a key is no secret, and says what kind of key it is.
        masked: if rule.is_header() {
            value.to_owned()
        } else {
            mask(value)
        },
    }
}

/// The first four characters and as many stars as make the length unknown.
fn mask(value: &str) -> String {
    let shown: String = value
        .chars()
        .take(if value.len() > 12 { 4 } else { 1 })
        .collect();
    format!("{shown}********")
}
