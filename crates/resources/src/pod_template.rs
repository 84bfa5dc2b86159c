//! The identity of a pod template: when are two the same revision, and what is its hash.

use serde_json::Value;

/// A template as canonical JSON: sorted, without nulls and empty containers, without the label that
/// names revisions. Two templates that mean the same have the same text.
pub fn fingerprint(mut template: Value, hash_label: &str) -> String {
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(hash_label);
    }
    prune(template).to_string()
}

fn prune(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, prune(value)))
            .filter(|(name, value)| is_kept(name, value))
            .collect(),
        Value::Array(items) => items.into_iter().map(prune).collect(),
        other => other,
    }
}

fn is_kept(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        // `emptyDir: {}` says something; an empty `metadata` or list does not.
        Value::Object(members) => !members.is_empty() || name == "emptyDir",
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// The hash of a text and a collision count: FNV-32a, in the alphabet that spells no words (as
/// upstream encodes it: each digit of the decimal number).
pub fn hash(text: &str, collisions: Option<i32>) -> String {
    let salt = collisions
        .map(|count| count.to_string())
        .unwrap_or_default();
    safe(fnv32a(
        [text.as_bytes(), salt.as_bytes()].concat().as_slice(),
    ))
}

/// FNV-1a, 32 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// A number as text without vowels and look-alikes (`k8s.io/apimachinery/pkg/util/rand`).
pub fn safe(number: u32) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digits = number.to_string();
    digits
        .bytes()
        .map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]))
        .collect()
}
