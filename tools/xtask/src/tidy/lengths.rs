//! No file is so long that nobody reads it.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::short;

/// We aim for half of this.
const MOST_LINES: usize = 600;

/// Tables made by a generator are read by nobody.
const GENERATED: &str = "/generated/";

pub(crate) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|file| !file.to_string_lossy().contains(GENERATED))
    {
        let lines = std::fs::read_to_string(file)?.lines().count();
        if lines > MOST_LINES {
            let name = short(root, file);
            findings.push(format!(
                "{name} has {lines} lines, more than {MOST_LINES}; split it"
            ));
        }
    }
    Ok(findings)
}
