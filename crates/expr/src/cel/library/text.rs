//! Texts: the standard functions, the extension library for texts, and Kubernetes' regular expressions.

use super::super::signature::Sort::{Bool, Bytes, Int, List, Map, Text};
use super::super::signature::{A, B, Cost, Overload};
use super::{Called, Scratch, costly, function, int, items, method, mismatch, text};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[
    method("size", &[Text], Int, size),
    function("size", &[Text], Int, size),
    method("size", &[Bytes], Int, size),
    function("size", &[Bytes], Int, size),
    costly(method("size", &[List(&A)], Int, size), Cost::Constant),
    costly(function("size", &[List(&A)], Int, size), Cost::Constant),
    costly(method("size", &[Map(&A, &B)], Int, size), Cost::Constant),
    costly(function("size", &[Map(&A, &B)], Int, size), Cost::Constant),
    costly(
        method("contains", &[Text, Text], Bool, |_, values| {
            Ok(text(values, 0)?.contains(text(values, 1)?).into())
        }),
        Cost::Sum,
    ),
    method("startsWith", &[Text, Text], Bool, |_, values| {
        Ok(text(values, 0)?.starts_with(text(values, 1)?).into())
    }),
    method("endsWith", &[Text, Text], Bool, |_, values| {
        Ok(text(values, 0)?.ends_with(text(values, 1)?).into())
    }),
    costly(
        method("matches", &[Text, Text], Bool, matches),
        Cost::Product,
    ),
    costly(
        function("matches", &[Text, Text], Bool, matches),
        Cost::Product,
    ),
    costly(method("find", &[Text, Text], Text, find), Cost::Product),
    costly(
        method("findAll", &[Text, Text], List(&Text), find_all),
        Cost::Product,
    ),
    costly(
        method("findAll", &[Text, Text, Int], List(&Text), find_all),
        Cost::Product,
    ),
    method("charAt", &[Text, Int], Text, char_at),
    method("indexOf", &[Text, Text], Int, index_of),
    method("indexOf", &[Text, Text, Int], Int, index_of),
    method("lastIndexOf", &[Text, Text], Int, last_index_of),
    method("lastIndexOf", &[Text, Text, Int], Int, last_index_of),
    method("lowerAscii", &[Text], Text, |_, values| {
        Ok(text(values, 0)?.to_ascii_lowercase().into())
    }),
    method("upperAscii", &[Text], Text, |_, values| {
        Ok(text(values, 0)?.to_ascii_uppercase().into())
    }),
    method("trim", &[Text], Text, |_, values| {
        Ok(text(values, 0)?.trim().into())
    }),
    method("reverse", &[Text], Text, |_, values| {
        Ok(text(values, 0)?.chars().rev().collect::<String>().into())
    }),
    costly(
        method("replace", &[Text, Text, Text], Text, replace),
        Cost::Product,
    ),
    costly(
        method("replace", &[Text, Text, Text, Int], Text, replace),
        Cost::Product,
    ),
    method("split", &[Text, Text], List(&Text), split),
    method("split", &[Text, Text, Int], List(&Text), split),
    method("substring", &[Text, Int], Text, substring),
    method("substring", &[Text, Int, Int], Text, substring),
    costly(method("join", &[List(&Text)], Text, join), Cost::Deep),
    costly(
        method("join", &[List(&Text), Text], Text, join),
        Cost::Product,
    ),
    function("strings.quote", &[Text], Text, |_, values| {
        Ok(format!("{:?}", text(values, 0)?).into())
    }),
    function("jsonpatch.escapeKey", &[Text], Text, |_, values| {
        Ok(text(values, 0)?
            .replace('~', "~0")
            .replace('/', "~1")
            .into())
    }),
];

fn size(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let size = match &values[0] {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.len(),
        _ => return Err(mismatch()),
    };
    Ok(Value::Int(size as i64))
}

fn matches(scratch: &mut Scratch<'_>, values: &[Value]) -> Called {
    let pattern = scratch.regex(text(values, 1)?)?;
    Ok(pattern.is_match(text(values, 0)?).into())
}

fn find(scratch: &mut Scratch<'_>, values: &[Value]) -> Called {
    let pattern = scratch.regex(text(values, 1)?)?;
    Ok(pattern
        .find(text(values, 0)?)
        .map_or("", |found| found.as_str())
        .into())
}

fn find_all(scratch: &mut Scratch<'_>, values: &[Value]) -> Called {
    let pattern = scratch.regex(text(values, 1)?)?;
    let most = if values.len() > 2 {
        usize::try_from(int(values, 2)?).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    let found = pattern
        .find_iter(text(values, 0)?)
        .take(most)
        .map(|found| Value::from(found.as_str()));
    Ok(found.collect::<Vec<Value>>().into())
}

fn letters(values: &[Value], index: usize) -> Result<Vec<char>, String> {
    Ok(text(values, index)?.chars().collect())
}

/// A position within `0..=length`.
fn position(values: &[Value], index: usize, length: usize) -> Result<usize, String> {
    let given = int(values, index)?;
    let position = usize::try_from(given)
        .ok()
        .filter(|position| *position <= length);
    position.ok_or_else(|| format!("index out of range: {given}"))
}

fn char_at(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let letters = letters(values, 0)?;
    let at = position(values, 1, letters.len())?;
    Ok(letters
        .get(at)
        .map(char::to_string)
        .unwrap_or_default()
        .into())
}

fn index_of(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (all, part) = (letters(values, 0)?, letters(values, 1)?);
    let from = if values.len() > 2 {
        position(values, 2, all.len())?
    } else {
        0
    };
    let fits = |at: &usize| all[*at..].starts_with(&part);
    Ok(Value::Int(
        (from..=all.len()).find(fits).map_or(-1, |at| at as i64),
    ))
}

fn last_index_of(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (all, part) = (letters(values, 0)?, letters(values, 1)?);
    let to = if values.len() > 2 {
        position(values, 2, all.len())?
    } else {
        all.len()
    };
    let fits = |at: &usize| all[*at..].starts_with(&part);
    Ok(Value::Int(
        (0..=to).rev().find(fits).map_or(-1, |at| at as i64),
    ))
}

fn replace(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (all, old, new) = (text(values, 0)?, text(values, 1)?, text(values, 2)?);
    let count = if values.len() > 3 {
        int(values, 3)?
    } else {
        -1
    };
    Ok(usize::try_from(count)
        .map_or_else(
            |_| all.replace(old, new),
            |count| all.replacen(old, new, count),
        )
        .into())
}

fn split(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (all, separator) = (text(values, 0)?, text(values, 1)?);
    let count = if values.len() > 2 {
        int(values, 2)?
    } else {
        -1
    };
    let parts: Vec<Value> = match (usize::try_from(count), separator) {
        (Ok(0), _) => Vec::new(),
        // An empty separator splits after each letter, as Go does.
        (Ok(count), "") => {
            let letters: Vec<char> = all.chars().collect();
            let single = letters.len().min(count.saturating_sub(1));
            let rest: String = letters[single..].iter().collect();
            let mut parts: Vec<Value> = letters[..single]
                .iter()
                .map(|letter| letter.to_string().into())
                .collect();
            parts.extend((!rest.is_empty()).then(|| rest.into()));
            parts
        }
        (Err(_), "") => all
            .chars()
            .map(|letter| letter.to_string().into())
            .collect(),
        (Ok(count), separator) => all.splitn(count, separator).map(Value::from).collect(),
        (Err(_), separator) => all.split(separator).map(Value::from).collect(),
    };
    Ok(parts.into())
}

fn substring(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let letters = letters(values, 0)?;
    let from = position(values, 1, letters.len())?;
    let to = if values.len() > 2 {
        position(values, 2, letters.len())?
    } else {
        letters.len()
    };
    let Some(part) = letters.get(from..to) else {
        return Err(format!("invalid substring range. start: {from}, end: {to}"));
    };
    Ok(part.iter().collect::<String>().into())
}

fn join(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let separator = if values.len() > 1 {
        text(values, 1)?
    } else {
        ""
    };
    let parts: Option<Vec<&str>> = items(values, 0)?.iter().map(Value::as_str).collect();
    Ok(parts.ok_or_else(mismatch)?.join(separator).into())
}
