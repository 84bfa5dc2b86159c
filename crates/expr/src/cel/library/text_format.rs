//! `'%s has %d'.format([a, b])` of the extension library for texts.

use super::super::signature::Sort::{Dyn, List, Text};
use super::super::signature::{Cost, Overload};
use super::{Called, Scratch, costly, items, method, text, time};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[costly(
    method("format", &[Text, List(&Dyn)], Text, format_text),
    Cost::Deep,
)];

/// The most digits after the point that may be asked for.
const MOST_DIGITS: usize = 100;

fn format_text(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let mut rest = text(values, 0)?;
    let mut items = items(values, 1)?.iter();
    let mut shown = String::new();
    while let Some(at) = rest.find('%') {
        shown.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            shown.push('%');
            rest = after;
            continue;
        }
        let (precision, after) = precision(rest)?;
        let verb = after.chars().next().ok_or("unexpected end of string")?;
        rest = &after[verb.len_utf8()..];
        let item = items
            .next()
            .ok_or("not enough arguments to fill formatting clauses")?;
        shown.push_str(&clause(verb, precision, item)?);
    }
    shown.push_str(rest);
    Ok(shown.into())
}

fn precision(text: &str) -> Result<(Option<usize>, &str), String> {
    let Some(after) = text.strip_prefix('.') else {
        return Ok((None, text));
    };
    let length = after
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(after.len());
    let digits = after[..length]
        .parse()
        .ok()
        .filter(|digits| *digits <= MOST_DIGITS);
    digits
        .map(|digits| (Some(digits), &after[length..]))
        .ok_or_else(|| "error while converting precision to integer".to_owned())
}

fn clause(verb: char, precision: Option<usize>, item: &Value) -> Result<String, String> {
    let wrong = |allowed: &str| {
        format!(
            "error during formatting: {allowed} clause is not allowed on {}",
            item.type_name()
        )
    };
    match (verb, item) {
        ('s', item) => show(item),
        ('d', Value::Int(value)) => Ok(value.to_string()),
        ('d', Value::Uint(value)) => Ok(value.to_string()),
        ('d', _) => Err(wrong("integer")),
        ('f', item) => double(item)
            .map(|value| format!("{value:.*}", precision.unwrap_or(6)))
            .ok_or_else(|| wrong("fixed-point")),
        ('e', item) => {
            let value = double(item).ok_or_else(|| wrong("scientific"))?;
            Ok(scientific(value, precision.unwrap_or(6)))
        }
        ('b', Value::Int(value)) => Ok(signed(*value, |value| format!("{value:b}"))),
        ('b', Value::Uint(value)) => Ok(format!("{value:b}")),
        ('b', Value::Bool(value)) => Ok(u8::from(*value).to_string()),
        ('o', Value::Int(value)) => Ok(signed(*value, |value| format!("{value:o}"))),
        ('o', Value::Uint(value)) => Ok(format!("{value:o}")),
        ('x', item) => hexadecimal(item).ok_or_else(|| wrong("hex")),
        ('X', item) => hexadecimal(item)
            .map(|text| text.to_ascii_uppercase())
            .ok_or_else(|| wrong("hex")),
        ('b', _) => Err(wrong("binary")),
        ('o', _) => Err(wrong("octal")),
        (other, _) => Err(format!("unrecognized formatting clause {other:?}")),
    }
}

fn double(item: &Value) -> Option<f64> {
    match item {
        Value::Double(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        _ => None,
    }
}

fn signed(value: i64, show: impl Fn(u64) -> String) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", show(value.unsigned_abs()))
}

fn scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn hexadecimal(item: &Value) -> Option<String> {
    let bytes = match item {
        Value::Int(value) => return Some(signed(*value, |value| format!("{value:x}"))),
        Value::Uint(value) => return Some(format!("{value:x}")),
        Value::String(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => return None,
    };
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Some(
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect(),
    )
}

fn show(item: &Value) -> Result<String, String> {
    Ok(match item {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::String(text) | Value::Type(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Timestamp(moment) => moment.to_string(),
        Value::Duration(duration) => time::show(*duration),
        Value::List(list) => {
            let parts: Result<Vec<String>, String> = list.items.iter().map(show).collect();
            format!("[{}]", parts?.join(", "))
        }
        Value::Map(map) => {
            let parts: Result<Vec<String>, String> = map
                .iter()
                .map(|(key, value)| Ok(format!("{}: {}", key.text(), show(value)?)))
                .collect();
            format!("{{{}}}", parts?.join(", "))
        }
        other => {
            return Err(format!(
                "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given {}",
                other.type_name()
            ));
        }
    })
}
