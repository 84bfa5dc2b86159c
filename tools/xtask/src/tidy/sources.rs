//! Time and randomness are handed in. Clippy's `disallowed_methods` names the same calls; this
//! check also covers code that is compiled for other systems, and says where exceptions stand.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::short;

/// Calls that read a clock or a random source.
const SOURCES: &[&str] = &[
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
    "thread_rng",
    "rand::rng(",
    "fastrand::Rng::new(",
    "Uuid::new_v4",
];

/// Whether a line brings in the standard library's monotonic clock. `tokio::time::Instant` is no
/// direct clock: it stands still with paused time.
fn names_standard_instant(code: &str) -> bool {
    code.contains("std::time::") && code.contains("Instant")
}

/// Places that may: the clock itself, and the edges of the process where real time is meant.
const EXEMPT: &[&str] = &[
    "crates/clock/",
    "crates/seatrial/",
    "tools/",
    "/tests/",
    "/benches/",
    "/examples/",
];

pub(crate) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files {
        let name = short(root, file);
        if EXEMPT.iter().any(|exempt| name.contains(exempt)) {
            continue;
        }
        for (number, line) in std::fs::read_to_string(file)?.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if names_standard_instant(code) {
                findings.push(format!(
                    "{name}:{}: std::time::Instant is not handed in",
                    number + 1
                ));
            }
            if let Some(call) = SOURCES.iter().find(|call| code.contains(**call)) {
                findings.push(format!("{name}:{}: {call} is not handed in", number + 1));
            }
        }
    }
    Ok(findings)
}
