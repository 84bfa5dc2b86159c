//! Colours, where somebody sees them, and short forms of long things.

/// Whether text may carry colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// A terminal that wants them.
    Colours,
    /// Everything else.
    Plain,
}

/// What a word says about the state of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Broken.
    Bad,
    /// On the way, or waiting.
    Busy,
    /// Of no importance.
    Faint,
    /// A heading.
    Strong,
}

impl Paint {
    /// Colours `text`.
    pub(crate) fn tint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Busy => "33",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        match self {
            Self::Colours if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    /// Colours a word by what it says.
    pub(crate) fn word(self, word: &str) -> String {
        match tone_of(word) {
            Some(tone) => self.tint(tone, word),
            None => word.to_owned(),
        }
    }
}

fn tone_of(word: &str) -> Option<Tone> {
    Some(match word {
        "Healthy" | "Synced" | "Succeeded" | "Successful" | "Running" | "Completed" | "Pruned" => {
            Tone::Good
        }
        "Degraded" | "Failed" | "Error" | "SyncFailed" | "Missing" | "OutOfSync" | "Cancelled"
        | "CrashLoopBackOff" | "ImagePullBackOff" | "ErrImagePull" => Tone::Bad,
        "Progressing" | "Paused" | "Suspended" | "Pending" | "Terminating" | "Inconclusive"
        | "ContainerCreating" => Tone::Busy,
        "Unknown" | "ScaledDown" | "Skipped" | "PruneSkipped" => Tone::Faint,
        _ => return None,
    })
}

/// A commit in seven digits; names of branches as they are.
pub(crate) fn short(revision: &str) -> &str {
    let is_hash = revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &revision[..7] } else { revision }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashes_are_shortened() {
        assert_eq!(short("0123456789abcdef0123456789abcdef01234567"), "0123456");
        assert_eq!(
            short("release/2026-01-with-a-very-long-name-indeed"),
            "release/2026-01-with-a-very-long-name-indeed"
        );
    }

    #[test]
    fn plain_text_carries_no_codes() {
        assert_eq!(Paint::Plain.word("Healthy"), "Healthy");
        assert_eq!(Paint::Colours.word("Healthy"), "\x1b[32mHealthy\x1b[0m");
        assert_eq!(Paint::Colours.word("main"), "main");
    }
}
