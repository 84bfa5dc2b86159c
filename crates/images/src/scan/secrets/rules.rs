//! What a secret looks like.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;

use crate::scan::Severity;

/// One kind of secret.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: Severity,
    /// A text that every match has, in lower case: without it no pattern need be tried.
    hint: &'static str,
    /// Its first group, or else the whole of it, is the value.
    pattern: &'static str,
    /// Bits per character that the value must have at least.
    entropy: f64,
    compiled: OnceLock<Option<Regex>>,
}

const fn rule(
    name: &'static str,
    title: &'static str,
    severity: Severity,
    hint: &'static str,
    pattern: &'static str,
    entropy: f64,
) -> Rule {
    Rule {
        name,
        title,
        severity,
        hint,
        pattern,
        entropy,
        compiled: OnceLock::new(),
    }
}

/// In the order in which they are tried: the first that fits names a line.
pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    use Severity::{Critical, High, Medium};
    vec![
        rule(
            "private-key",
            "Private key",
            High,
            "private key",
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
            0.0,
        ),
        rule(
            "aws-access-key-id",
            "AWS access key id",
            Critical,
            "a",
            r"\b((?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z2-7]{16})\b",
            3.0,
        ),
        rule(
            "aws-secret-access-key",
            "AWS secret access key",
            Critical,
            "aws",
            r#"(?i)aws.{0,20}?(?:secret|access).{0,20}?['"=:\s]+([A-Za-z0-9/+]{40})\b"#,
            4.0,
        ),
        rule(
            "github-token",
            "GitHub token",
            Critical,
            "gh",
            r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b",
            3.0,
        ),
        rule(
            "github-fine-grained-token",
            "GitHub token",
            Critical,
            "github_pat_",
            r"\b(github_pat_[A-Za-z0-9_]{60,255})\b",
            3.0,
        ),
        rule(
            "gitlab-token",
            "GitLab token",
            Critical,
            "glpat-",
            r"\b(glpat-[A-Za-z0-9_-]{20,})",
            3.0,
        ),
        rule(
            "slack-token",
            "Slack token",
            High,
            "xox",
            r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})",
            3.0,
        ),
        rule(
            "stripe-key",
            "Stripe secret key",
            Critical,
            "_live_",
            r"\b((?:sk|rk)_live_[A-Za-z0-9]{16,})\b",
            3.0,
        ),
        rule(
            "google-api-key",
            "Google API key",
            High,
            "aiza",
            r"\b(AIza[A-Za-z0-9_-]{35})",
            3.0,
        ),
        rule(
            "npm-token",
            "npm token",
            High,
            "npm_",
            r"\b(npm_[A-Za-z0-9]{36})\b",
            3.0,
        ),
        rule(
            "pypi-token",
            "PyPI token",
            High,
            "pypi-",
            r"\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,})",
            3.0,
        ),
        rule(
            "json-web-token",
            "JSON web token",
            Medium,
            "eyj",
            r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
            3.0,
        ),
        rule(
            "password-in-url",
            "Password in a URL",
            High,
            "://",
            r"\b[a-z][a-z0-9+.-]*://[^/\s:@'\x22$<{]+:([^/\s:@'\x22$<{]{6,})@[A-Za-z0-9]",
            2.5,
        ),
        rule(
            "generic-secret",
            "Value that looks like a secret",
            Medium,
            "",
            r#"(?i)\b[A-Z0-9_.-]*(?:secret|passwd|password|api[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key|credential)[A-Z0-9_.-]*['"]?\s*(?:=|:|:=|=>)\s*['"]?([A-Za-z0-9/+_=!@#%^&*.-]{16,})['"]?\s*[,;]?\s*$"#,
            3.7,
        ),
    ]
});

impl Rule {
    /// Whether a match is what stands before the secret, not the secret.
    pub(super) fn is_header(&self) -> bool {
        self.entropy == 0.0
    }

    /// The value in a line, if the line has one.
    pub(super) fn find(&self, line: &str) -> Option<String> {
        if !self.hint.is_empty() && !line.to_ascii_lowercase().contains(self.hint) {
            return None;
        }
        let pattern = self
            .compiled
            .get_or_init(|| Regex::new(self.pattern).ok())
            .as_ref()?;
        let found = pattern.captures(line)?;
        let value = found.get(1).or_else(|| found.get(0))?.as_str();
        (entropy(value) >= self.entropy && !is_placeholder(value)).then(|| value.to_owned())
    }
}

/// Values that documents show in place of real ones, and references to other places.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "example",
        "changeme",
        "change-me",
        "your",
        "placeholder",
        "dummy",
        "xxxx",
        "1234567890",
        "secretkeyref",
        "process.env",
        "os.environ",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// Shannon's entropy in bits per character.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let length = text.chars().count() as f64;
    counts
        .values()
        .map(|count| -(count / length) * (count / length).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for rule in RULES.iter() {
            assert!(Regex::new(rule.pattern).is_ok(), "{}", rule.name);
        }
    }
}
