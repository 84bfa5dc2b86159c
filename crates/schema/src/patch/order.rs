//! The order of merged lists, as `normalizeElementOrder` of upstream's `strategicpatch` makes it.

use std::collections::HashMap;

use serde_json::Value;

/// Where each item of a list stands, found without a search: lists of clients can be long.
pub(crate) struct Places<'a> {
    places: HashMap<String, usize>,
    key: Option<&'a str>,
}

impl<'a> Places<'a> {
    /// The places of `items`; of several that are the same, the first.
    pub(crate) fn of(items: &[Value], key: Option<&'a str>) -> Self {
        let mut places = Self {
            places: HashMap::with_capacity(items.len()),
            key,
        };
        for (place, item) in items.iter().enumerate() {
            places.note(item, place);
        }
        places
    }

    /// Notes the place of an item, unless the same one has a place already.
    pub(crate) fn note(&mut self, item: &Value, place: usize) {
        if let Some(identity) = identity(item, self.key) {
            self.places.entry(identity).or_insert(place);
        }
    }

    /// Where the item stands.
    pub(crate) fn find(&self, item: &Value) -> Option<usize> {
        self.places.get(&identity(item, self.key)?).copied()
    }
}

/// A text that two items share if, and only if, they stand for the same one: by the merge key, or by value
/// where there is none. A number and its text differ, but `80` and `80.0` do not.
fn identity(item: &Value, key: Option<&str>) -> Option<String> {
    let value = match key {
        Some(key) => item.get(key)?,
        None => item,
    };
    match value.as_f64() {
        // Zero has two signs, which are equal.
        Some(number) => Some(format!("{:?}", number + 0.0)),
        None => Some(value.to_string()),
    }
}

/// Puts `merged` in order: the items that `wanted` names stand in its order; the others keep their
/// place of `before` relative to them, where there is one, and else come last.
pub(crate) fn normalize(
    merged: Vec<Value>,
    wanted: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let (wanted, before) = (Places::of(wanted, key), Places::of(before, key));
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        let place = before.find(&item);
        match wanted.find(&item) {
            Some(order) => named.push((order, place, item)),
            None => others.push((place, item)),
        }
    }
    named.sort_by_key(|(order, ..)| *order);
    others.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return result,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((other, _)), Some((_, named, _))) => match (other, named) {
                (Some(other), Some(named)) => other < named,
                _ => false,
            },
        };
        result.extend(if other_first {
            others.next().map(|(_, item)| item)
        } else {
            named.next().map(|(.., item)| item)
        });
    }
}
