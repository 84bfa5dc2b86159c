//! The suffix that makes a changed ConfigMap or Secret a new object.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::Object;

/// Ten characters from the SHA-256 of the content, vowels and look-alikes replaced, as Kustomize's
/// `api/hasher` computes it: over kind, name (always empty), type, data and binaryData.
pub(crate) fn suffix(object: &Object) -> String {
    let mut content = Map::new();
    content.insert("kind".to_owned(), object.kind().into());
    content.insert("name".to_owned(), "".into());
    let empty = || Value::String(String::new());
    let field = |name: &str| object.value.get(name).cloned();
    content.insert("data".to_owned(), field("data").unwrap_or_else(empty));
    if object.kind() == "Secret" {
        content.insert("type".to_owned(), field("type").unwrap_or_else(empty));
        if let Some(text) = field("stringData") {
            content.insert("stringData".to_owned(), text);
        }
    } else if let Some(binary) = field("binaryData") {
        content.insert("binaryData".to_owned(), binary);
    }
    let encoded = escape(&Value::Object(content).to_string());
    let digest = Sha256::digest(encoded.as_bytes());
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    hex.chars().take(10).map(readable).collect()
}

fn readable(letter: char) -> char {
    match letter {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    }
}

/// Go's JSON encoder writes these characters as escapes, and the hash is over its text.
fn escape(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
