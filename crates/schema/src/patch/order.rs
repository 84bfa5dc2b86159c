//! The order of merged lists, as `normalizeElementOrder` of upstream's `strategicpatch` makes it.

use serde_json::Value;

/// Whether two items stand for the same one: by the merge key, or by value where there is none.
pub(crate) fn same(left: &Value, right: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => match (left.get(key), right.get(key)) {
            (Some(left), Some(right)) => equal(left, right),
            _ => false,
        },
        None => equal(left, right),
    }
}

/// Equality in which a number and its text differ, but `80` and `80.0` do not.
fn equal(left: &Value, right: &Value) -> bool {
    left == right || (left.is_number() && left.as_f64() == right.as_f64())
}

fn index(order: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    order.iter().position(|one| same(one, item, key))
}

/// Puts `merged` in order: the items that `wanted` names stand in its order; the others keep their
/// place of `before` relative to them, where there is one, and else come last.
pub(crate) fn normalize(
    merged: Vec<Value>,
    wanted: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| index(wanted, item, key).is_some());
    named.sort_by_key(|item| index(wanted, item, key));
    others.sort_by_key(|item| index(before, item, key).unwrap_or(usize::MAX));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return result,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(named)) => {
                match (index(before, other, key), index(before, named, key)) {
                    (Some(other), Some(named)) => other < named,
                    _ => false,
                }
            }
        };
        result.extend(if other_first {
            others.next()
        } else {
            named.next()
        });
    }
}
