//! Files of a workspace by pattern, and a hash over them (`hashFiles`).

use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use sha2::{Digest as _, Sha256};

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 over the SHA-256 of each file that matches, in order of their paths, as GitHub's
/// `hashFiles` does; empty where none matches.
pub(crate) fn files(root: &Path, patterns: &[String]) -> io::Result<String> {
    let found = matching(root, patterns)?;
    if found.is_empty() {
        return Ok(String::new());
    }
    let mut whole = Sha256::new();
    for path in found {
        whole.update(Sha256::digest(std::fs::read(root.join(path))?));
    }
    Ok(hexadecimal(&whole.finalize()))
}

/// The files below `root` that the patterns select, relative to it and ordered. A pattern that
/// names a directory selects all that is below it; one that begins with `!` takes away again.
pub(crate) fn matching(root: &Path, patterns: &[String]) -> io::Result<Vec<PathBuf>> {
    let rules: Vec<(bool, Regex)> = patterns
        .iter()
        .flat_map(|pattern| pattern.lines())
        .map(str::trim)
        .filter(|pattern| !pattern.is_empty() && !pattern.starts_with('#'))
        .filter_map(|pattern| match pattern.strip_prefix('!') {
            Some(rest) => Some((false, expression(rest)?)),
            None => Some((true, expression(pattern)?)),
        })
        .collect();
    let mut found = Vec::new();
    walk(root, Path::new(""), &mut |path| {
        let text = path.to_string_lossy();
        let last = rules.iter().rev().find(|(_, regex)| regex.is_match(&text));
        if last.is_some_and(|(selects, _)| *selects) {
            found.push(path.to_owned());
        }
    })?;
    found.sort();
    Ok(found)
}

/// Visits every regular file below `root`, symbolic links not followed.
fn walk(root: &Path, below: &Path, visit: &mut dyn FnMut(&Path)) -> io::Result<()> {
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(root, &path, visit)?;
        } else if kind.is_file() {
            visit(&path);
        }
    }
    Ok(())
}

/// A path pattern as a regular expression: `*` and `?` stay within a name, `**` does not.
fn expression(pattern: &str) -> Option<Regex> {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    if pattern.is_empty() || pattern == "." {
        return Regex::new("").ok();
    }
    let mut output = String::from("^");
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            output.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            output.push_str(".*");
            rest = after;
        } else {
            match character {
                '*' => output.push_str("[^/]*"),
                '?' => output.push_str("[^/]"),
                other => output.push_str(&regex::escape(&other.to_string())),
            }
            rest = &rest[character.len_utf8()..];
        }
    }
    Regex::new(&format!("{output}(?:/.*)?$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_files_and_take_away_again() {
        let directory = tempfile::tempdir().unwrap();
        for path in [
            "a.txt",
            "b/c.txt",
            "b/d/e.txt",
            "b/d/f.rs",
            "coverage/x.xml",
        ] {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let select = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            let found = matching(directory.path(), &patterns).unwrap();
            found
                .iter()
                .map(|p| p.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(select(&["*.txt"]), "a.txt");
        assert_eq!(select(&["**/*.txt"]), "a.txt b/c.txt b/d/e.txt");
        assert_eq!(select(&["b", "!**/*.rs"]), "b/c.txt b/d/e.txt");
        assert_eq!(select(&["./coverage/"]), "coverage/x.xml");
        assert_eq!(select(&["."]).split(' ').count(), 5);
        assert_eq!(select(&["nothing"]), "");
        assert_eq!(
            files(directory.path(), &["nothing".to_owned()]).unwrap(),
            ""
        );
        assert_eq!(
            files(directory.path(), &["**".to_owned()]).unwrap().len(),
            64
        );
    }
}
