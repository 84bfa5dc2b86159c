//! Equality and order.

use std::cmp::Ordering;

use super::value::{List, ListKind, MapKey, Value};

/// Whether two values are equal. Values of different types are not, but numbers of different types may be.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) | (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::List(a), Value::List(b)) => equal_lists(a, b),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => equal(a, b),
            (None, None) => true,
            _ => false,
        },
        (Value::Quantity(a), Value::Quantity(b)) => a.cmp(b) == Ordering::Equal,
        (Value::Url(a), Value::Url(b)) => a.text == b.text,
        (Value::Ip(a), Value::Ip(b)) => a == b,
        (Value::Cidr(a), Value::Cidr(b)) => a == b,
        (Value::Format(a), Value::Format(b)) => a.name == b.name,
        (Value::Semver(a), Value::Semver(b)) => a.compare(b) == Ordering::Equal,
        (a, b) => numbers(a, b) == Some(Ordering::Equal),
    }
}

/// The order of two values, where their types have one.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (a, b) => numbers(a, b),
    }
}

fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    let whole = |value: &Value| match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    };
    if let (Some(a), Some(b)) = (whole(left), whole(right)) {
        return Some(a.cmp(&b));
    }
    let double = |value: &Value| match value {
        Value::Double(value) => Some(*value),
        other => whole(other).map(|value| value as f64),
    };
    double(left)?.partial_cmp(&double(right)?)
}

fn equal_lists(left: &List, right: &List) -> bool {
    if left.items.len() != right.items.len() {
        return false;
    }
    let kind = if left.kind == ListKind::Atomic {
        &right.kind
    } else {
        &left.kind
    };
    let same = |a: &Value| match kind {
        ListKind::Map(keys) => right
            .items
            .iter()
            .find(|b| same_keys(a, b, keys))
            .is_some_and(|b| equal(a, b)),
        _ => right.items.iter().any(|b| equal(a, b)),
    };
    match kind {
        ListKind::Atomic => left
            .items
            .iter()
            .zip(&right.items)
            .all(|(a, b)| equal(a, b)),
        _ => left.items.iter().all(same),
    }
}

fn same_keys(left: &Value, right: &Value, keys: &[String]) -> bool {
    keys.iter()
        .all(|key| match (left.field(key), right.field(key)) {
            (Some(a), Some(b)) => equal(a, b),
            (None, None) => true,
            _ => false,
        })
}

/// The items of both lists: a set takes none twice, a map list replaces by key.
pub(super) fn join(left: &List, right: &List) -> List {
    let mut items = left.items.clone();
    for item in &right.items {
        let same = |other: &&mut Value| match &left.kind {
            ListKind::Atomic => false,
            ListKind::Set => equal(other, item),
            ListKind::Map(keys) => same_keys(other, item, keys),
        };
        match items.iter_mut().find(same) {
            Some(place) => *place = item.clone(),
            None => items.push(item.clone()),
        }
    }
    List {
        items,
        kind: left.kind.clone(),
    }
}

/// Whether an item is in a list, or a key in a map.
pub(super) fn contains(items: &Value, item: &Value) -> bool {
    match items {
        Value::List(list) => list.items.iter().any(|other| equal(other, item)),
        Value::Map(map) => MapKey::of(item).is_some_and(|key| map.contains_key(&key)),
        _ => false,
    }
}

/// How many parts a value has at all depths, texts by their length.
pub(super) fn deep_weight(value: &Value) -> u64 {
    match value {
        Value::List(list) => list.items.iter().map(|item| 1 + deep_weight(item)).sum(),
        Value::Map(map) => map.values().map(|item| 1 + deep_weight(item)).sum(),
        Value::Optional(Some(inner)) => deep_weight(inner),
        other => other.weight(),
    }
}
