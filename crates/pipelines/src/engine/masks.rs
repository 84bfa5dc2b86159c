//! Secrets are replaced before a line leaves the engine.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// What stands in a log in place of a secret.
const MASK: &str = "***";

/// A derived form shorter than this would hide ordinary words.
const SHORTEST_DERIVED: usize = 6;

/// The values to hide. Clones share them, so that what one step adds hides in all.
#[derive(Clone, Default)]
pub(crate) struct Masks(Arc<RwLock<Vec<String>>>);

impl Masks {
    /// Hides a value, each of its lines, and their base64, URL and JSON forms.
    pub(crate) fn add(&self, secret: &str) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let whole = secret.trim_end_matches(['\r', '\n']);
        for part in std::iter::once(whole).chain(secret.lines().map(str::trim)) {
            values.extend(forms(part));
        }
        // The longest first, so that a secret within a secret does not leave the rest readable.
        values.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        values.dedup();
    }

    /// The text with every hidden value replaced.
    pub(crate) fn apply(&self, text: &str) -> String {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut output = text.to_owned();
        for value in values.iter() {
            if output.contains(value.as_str()) {
                output = output.replace(value.as_str(), MASK);
            }
        }
        output
    }
}

/// The forms in which a value may be printed.
fn forms(value: &str) -> Vec<String> {
    if value.is_empty() {
        return Vec::new();
    }
    let mut forms = vec![value.to_owned()];
    let mut derived = base64_cores(value);
    derived.push(STANDARD.encode(value));
    derived.push(URL_SAFE_NO_PAD.encode(value));
    derived.push(percent(value));
    if let Ok(json) = serde_json::to_string(value) {
        derived.push(json.trim_matches('"').to_owned());
    }
    forms.extend(
        derived
            .into_iter()
            .filter(|form| form.len() >= SHORTEST_DERIVED),
    );
    forms
}

/// The value inside a longer text that was encoded: base64 works on groups of three bytes, so the
/// value may begin at any of three offsets; only the characters that depend on it alone are taken.
fn base64_cores(value: &str) -> Vec<String> {
    (0..3)
        .map(|offset| {
            let padded = [vec![0; offset], value.as_bytes().to_vec()].concat();
            let whole_groups = padded.len() / 3 * 4;
            let encoded = STANDARD.encode(&padded);
            let skip = if offset == 0 { 0 } else { 4 };
            encoded
                .get(skip..whole_groups)
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

fn percent(value: &str) -> String {
    use std::fmt::Write as _;
    let mut output = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            output.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(output, "%{byte:02X}");
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let masks = Masks::default();
        masks.add("s3cr3t/with space");
        let encoded = STANDARD.encode("user:s3cr3t/with space");
        for line in [
            "the secret is s3cr3t/with space!".to_owned(),
            format!("b64 {}", STANDARD.encode("s3cr3t/with space")),
            format!("Authorization: Basic {encoded}"),
            "url s3cr3t%2Fwith%20space".to_owned(),
        ] {
            let shown = masks.apply(&line);
            assert!(shown.contains("***"), "{line} became {shown}");
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }

    #[test]
    fn lines_of_a_secret_are_hidden_and_the_longest_goes_first() {
        let masks = Masks::default();
        masks.add("-----BEGIN KEY-----\nabcdef\nxyz\n-----END KEY-----\n");
        masks.add("abc");
        assert_eq!(masks.apply("key abcdef"), "key ***");
        assert_eq!(masks.apply("xyz and abc"), "*** and ***");
        assert_eq!(masks.apply("nothing here"), "nothing here");
        masks.add("");
        assert_eq!(masks.apply("still fine"), "still fine");
    }
}
