//! `.dockerignore`.

use std::path::Path;

use regex::Regex;

use super::Error;
use super::glob::{Stars, compile};

/// Which files of a build context are left out.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Regex,
    /// Whether the line takes files back in (`!`).
    includes: bool,
}

impl Ignore {
    /// Reads the file that belongs to a build: `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] with file and line of a pattern that is malformed.
    pub fn of(context: &Path, dockerfile: Option<&Path>) -> Result<Self, Error> {
        let own = dockerfile.map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".dockerignore");
            name.into()
        });
        for path in own.into_iter().chain([context.join(".dockerignore")]) {
            if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                return Self::parse(&text)
                    .map_err(|(line, problem)| Error::dockerfile(&name, line, problem));
            }
        }
        Ok(Self::default())
    }

    /// Reads patterns, one a line.
    ///
    /// # Errors
    /// Line and problem of a pattern that is malformed.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut rules = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let line = line.trim();
            let (includes, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let clean = clean(pattern);
            if clean.is_empty() {
                if includes || pattern.is_empty() {
                    return Err((index + 1, format!("pattern {line:?} names nothing")));
                }
                continue;
            }
            let malformed = || (index + 1, format!("pattern {line:?} is malformed"));
            rules.push(Rule {
                pattern: compile(&clean, Stars::Cross).ok_or_else(malformed)?,
                includes,
            });
        }
        Ok(Self { rules })
    }

    /// Whether a path (with `/`, from the context's root) is left out. The last rule that matches the path or one
    /// of its parents decides.
    pub fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for rule in &self.rules {
            // Only a rule that would change the answer need be asked.
            if rule.includes == out && prefixes(path).any(|part| rule.pattern.is_match(part)) {
                out = !rule.includes;
            }
        }
        out
    }

    /// Whether something below a directory that is left out may be taken in again.
    pub(super) fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.includes)
    }
}

/// The path and its parents, the longest last.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(at, _)| &path[..at])
        .chain([path])
}

/// Without `.`, `..`, double slashes and slashes at the ends.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_matching_rule_decides() {
        let text = "# comment\n*.md\n!README.md\n**/node_modules\nbuild/\n/dist\ntemp?\n!build/keep\n**/*.py[co]\na/**/z\n";
        let ignore = Ignore::parse(text).unwrap();
        for (path, out) in [
            ("NOTES.md", true),
            ("README.md", false),
            ("docs/NOTES.md", false),
            ("node_modules/x", true),
            ("a/b/node_modules/x/y", true),
            ("build/out.o", true),
            ("build/keep/x", false),
            ("dist", true),
            ("src/dist", false),
            ("temp1", true),
            ("temp12", false),
            ("src/a.pyc", true),
            ("a.pyo", true),
            ("src/a.py", false),
            ("a/z", true),
            ("a/b/c/z", true),
        ] {
            assert_eq!(ignore.leaves_out(path), out, "{path}");
        }
        assert!(Ignore::parse("a[").is_err());
    }
}
