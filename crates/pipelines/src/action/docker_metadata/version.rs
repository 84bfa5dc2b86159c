//! Versions in tag names, and patterns over them.

/// A semantic version, read loosely (`v` before it is allowed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) prerelease: String,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split('+').next().unwrap_or(text);
        let (core, prerelease) = text.split_once('-').unwrap_or((text, ""));
        let mut numbers = core.split('.').map(|part| part.parse::<u64>().ok());
        let version = Self {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next()??,
            prerelease: prerelease.to_owned(),
        };
        numbers.next().is_none().then_some(version)
    }

    /// Fills a pattern such as `{{major}}.{{minor}}`. A pre-release has only its whole version, as
    /// at the original.
    pub(super) fn fill(&self, pattern: &str) -> Result<String, String> {
        let Self {
            major,
            minor,
            patch,
            prerelease,
        } = self;
        let whole = if prerelease.is_empty() {
            format!("{major}.{minor}.{patch}")
        } else {
            format!("{major}.{minor}.{patch}-{prerelease}")
        };
        if !prerelease.is_empty() && pattern != "{{raw}}" {
            return Ok(whole);
        }
        let filled = pattern
            .replace("{{version}}", &whole)
            .replace("{{raw}}", &whole)
            .replace("{{major}}", &major.to_string())
            .replace("{{minor}}", &minor.to_string())
            .replace("{{patch}}", &patch.to_string());
        if filled.contains("{{") {
            return Err(format!(
                "`pattern={pattern}`: use version, raw, major, minor and patch in double braces"
            ));
        }
        Ok(filled)
    }
}
