//! What is wrong with the names of managers and with `managedFields` that a client sends.

use serde_json::{Map, Value};

use crate::cause::Cause;

/// The longest name of a manager.
const LONGEST_MANAGER: usize = 128;

/// The longest name of a subresource.
const LONGEST_SUBRESOURCE: usize = 256;

fn is_printable(letter: char) -> bool {
    // As Go's `unicode.IsPrint`: of all spaces only the plain one.
    letter == ' ' || !(letter.is_control() || letter.is_whitespace() || is_format(letter))
}

/// Letters without a shape: marks of direction, joiners, private and unassigned ones.
fn is_format(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{f0000}'..)
}

/// The name of a manager, which stands at `field`.
pub fn manager(name: &str, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if name.len() > LONGEST_MANAGER {
        causes.push(Cause::too_long(field, LONGEST_MANAGER as u64));
    }
    for (at, letter) in name.char_indices() {
        if !is_printable(letter) {
            let code = u32::from(letter);
            let detail = format!("invalid character U+{code:04X} (at position {at})");
            causes.push(Cause::invalid(field, &Value::from(name), &detail));
        }
    }
    causes
}

/// The name that a client has by its `User-Agent`, when it gives no other: what is before the first slash.
pub fn manager_of_agent(agent: &str) -> String {
    let mut name = String::new();
    let program = agent.split('/').next().unwrap_or_default();
    for letter in program.chars().filter(|letter| is_printable(*letter)) {
        if name.len() + letter.len_utf8() > LONGEST_MANAGER {
            break;
        }
        name.push(letter);
    }
    if name.is_empty() {
        name.push_str("unknown");
    }
    name
}

/// The entries of `metadata.managedFields` of an object that a client wrote.
pub fn managed_fields(object: &Map<String, Value>) -> Vec<Cause> {
    let list = object
        .get("metadata")
        .and_then(|metadata| metadata.get("managedFields"))
        .and_then(Value::as_array);
    let nothing = |entry: &Value| entry.as_object().is_some_and(Map::is_empty);
    match list.map(Vec::as_slice) {
        None | Some([]) => Vec::new(),
        // This one asks for the record to be forgotten.
        Some([one]) if nothing(one) => Vec::new(),
        Some(list) => list.iter().enumerate().flat_map(entry).collect(),
    }
}

fn entry((index, entry): (usize, &Value)) -> Vec<Cause> {
    let mut causes = Vec::new();
    let path = |name: &str| format!("metadata.managedFields[{index}].{name}");
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut invalid = |name: &str, detail: &str| {
        causes.push(Cause::invalid(path(name), &Value::from(text(name)), detail));
    };
    if !matches!(text("operation"), "Apply" | "Update") {
        invalid("operation", "must be `Apply` or `Update`");
    }
    if !matches!(text("fieldsType"), "" | "FieldsV1") {
        invalid("fieldsType", "must be `FieldsV1`");
    }
    causes.extend(manager(text("manager"), &path("manager")));
    if text("subresource").len() > LONGEST_SUBRESOURCE {
        causes.push(Cause::too_long(
            path("subresource"),
            LONGEST_SUBRESOURCE as u64,
        ));
    }
    if let Some(fields) = entry.get("fieldsV1")
        && let Some(bad) = malformed(fields)
    {
        let detail = format!("not a path element of FieldsV1: {bad:?}");
        causes.push(Cause::invalid(path("fieldsV1"), fields, &detail));
    }
    causes
}

/// The first key that is no path element.
fn malformed(fields: &Value) -> Option<&str> {
    let Value::Object(map) = fields else {
        return Some("fieldsV1 is no object");
    };
    map.iter().find_map(|(element, below)| {
        if element == "." {
            return None;
        }
        let right = match element.split_once(':') {
            Some(("f", _)) => true,
            Some(("k", keys)) => serde_json::from_str::<Map<String, Value>>(keys).is_ok(),
            Some(("v", value)) => serde_json::from_str::<Value>(value).is_ok(),
            Some(("i", index)) => index.parse::<i64>().is_ok(),
            _ => false,
        };
        if right {
            malformed(below)
        } else {
            Some(element)
        }
    })
}
