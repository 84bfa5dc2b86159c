//! Changes of JSON values that leave them JSON.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::bytes::NUMBERS;

/// Changes one place of a value. `donor` is another value to take from.
pub(super) fn change(value: &mut Value, donor: &Value, random: &mut Rng, words: &[&str]) {
    let place = descend(value, random);
    match random.u8(..10) {
        0..=3 => *place = fresh(random, words),
        4 => *place = pick(donor, random).clone(),
        5 => remove(place, random),
        6 => double(place, random),
        7 => {
            let depth = if random.u8(..16) == 0 { 200 } else { 3 };
            for _ in 0..random.usize(1..=depth) {
                let inner = place.take();
                *place = if random.bool() {
                    json!([inner])
                } else {
                    json!({ name(random, words): inner })
                };
            }
        }
        8 => {
            let new = pick(donor, random).clone();
            add(place, name(random, words), new);
        }
        _ => {
            let new = fresh(random, words);
            add(place, name(random, words), new);
        }
    }
}

/// A random place, any depth.
fn descend<'a>(mut value: &'a mut Value, random: &mut Rng) -> &'a mut Value {
    loop {
        let count = size(value);
        if count == 0 || random.u8(..6) == 0 {
            return value;
        }
        let index = random.usize(..count);
        value = match value {
            Value::Array(items) => &mut items[index],
            Value::Object(map) => map.values_mut().nth(index).unwrap(),
            _ => unreachable!("only lists and objects have a size"),
        };
    }
}

fn pick<'a>(mut value: &'a Value, random: &mut Rng) -> &'a Value {
    loop {
        let count = size(value);
        if count == 0 || random.u8(..4) == 0 {
            return value;
        }
        let index = random.usize(..count);
        value = match value {
            Value::Array(items) => &items[index],
            Value::Object(map) => map.values().nth(index).unwrap(),
            _ => unreachable!("only lists and objects have a size"),
        };
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    }
}

fn name(random: &mut Rng, words: &[&str]) -> String {
    match words.len() {
        0 => "name".to_owned(),
        count => words[random.usize(..count)].to_owned(),
    }
}

/// A value that comes from nowhere.
fn fresh(random: &mut Rng, words: &[&str]) -> Value {
    match random.u8(..12) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2..=4 => {
            let text = NUMBERS[random.usize(..NUMBERS.len())];
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        5 => NUMBERS[random.usize(..NUMBERS.len())].into(),
        6 => json!([]),
        7 => json!({}),
        8 => "".into(),
        9 => "x".repeat(random.usize(..300)).into(),
        _ => name(random, words).into(),
    }
}

fn remove(place: &mut Value, random: &mut Rng) {
    let count = size(place);
    if count == 0 {
        *place = Value::Null;
        return;
    }
    let index = random.usize(..count);
    match place {
        Value::Array(items) => drop(items.remove(index)),
        Value::Object(map) => {
            let key = map.keys().nth(index).cloned().unwrap_or_default();
            map.remove(&key);
        }
        _ => {}
    }
}

/// Repeats an item or an entry.
fn double(place: &mut Value, random: &mut Rng) {
    let count = size(place);
    if count == 0 {
        return;
    }
    let index = random.usize(..count);
    match place {
        Value::Array(items) => items.push(items[index].clone()),
        Value::Object(map) => {
            let (key, value) = map.iter().nth(index).unwrap();
            let (key, value) = (format!("{key}{key}"), value.clone());
            map.insert(key, value);
        }
        _ => {}
    }
}

fn add(place: &mut Value, key: String, value: Value) {
    match place {
        Value::Array(items) => items.push(value),
        Value::Object(map) => drop(map.insert(key, value)),
        other => *other = Value::Object(Map::from_iter([(key, value)])),
    }
}
