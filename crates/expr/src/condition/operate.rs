//! The operators.

use std::cmp::Ordering;

use super::Value;

/// The longest list that `a..b` makes, and the longest text that `+` makes.
const LONGEST: usize = 10_000;

pub(super) fn unary(name: &str, operand: &Value) -> Result<Value, String> {
    match (name, operand) {
        ("!", Value::Boolean(value)) => Ok(Value::Boolean(!value)),
        ("-", Value::Integer(number)) => Ok(Value::Integer(number.wrapping_neg())),
        ("-", Value::Float(number)) => Ok(Value::Float(-number)),
        ("+", Value::Integer(_) | Value::Float(_)) => Ok(operand.clone()),
        _ => Err(format!("invalid operation: {name} {}", operand.type_name())),
    }
}

pub(super) fn binary(name: &str, left: &Value, right: &Value) -> Result<Value, String> {
    if let ("%", Value::Integer(_), Value::Integer(0)) = (name, left, right) {
        return Err("integer divide by zero".to_owned());
    }
    let value = match name {
        "==" => Some(Value::Boolean(equal(left, right))),
        "!=" => Some(Value::Boolean(!equal(left, right))),
        "<" | "<=" | ">" | ">=" => compare(name, left, right).map(Value::Boolean),
        "in" => is_in(left, right).map(Value::Boolean),
        "contains" | "startsWith" | "endsWith" | "matches" => return text(name, left, right),
        ".." => range(left, right),
        _ => arithmetic(name, left, right),
    };
    value.ok_or_else(|| {
        format!(
            "invalid operation: {name} (mismatched types {} and {})",
            left.type_name(),
            right.type_name()
        )
    })
}

/// Equality by value; an integer equals the float of the same number.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Integer(_), Value::Float(_)) | (Value::Float(_), Value::Integer(_)) => {
            left.number() == right.number()
        }
        _ => left == right,
    }
}

fn compare(name: &str, left: &Value, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        // Nothing is less or greater than NaN, nor equal to it.
        _ => left.number()?.partial_cmp(&right.number()?),
    };
    Some(match name {
        "<" => order == Some(Ordering::Less),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn is_in(item: &Value, of: &Value) -> Option<bool> {
    match (item, of) {
        (_, Value::List(items)) => Some(items.iter().any(|one| equal(one, item))),
        (Value::Text(key), Value::Map(entries)) => Some(entries.contains_key(key)),
        (_, Value::Nil) => Some(false),
        _ => None,
    }
}

fn text(name: &str, left: &Value, right: &Value) -> Result<Value, String> {
    let (Value::Text(left), Value::Text(right)) = (left, right) else {
        let (left, right) = (left.type_name(), right.type_name());
        return Err(format!("{name} needs two texts, not {left} and {right}"));
    };
    let holds = match name {
        "contains" => left.contains(right.as_str()),
        "startsWith" => left.starts_with(right.as_str()),
        "endsWith" => left.ends_with(right.as_str()),
        _ => match regex::Regex::new(right) {
            Ok(pattern) => pattern.is_match(left),
            Err(_) => return Err(format!("{right:?} is no regular expression")),
        },
    };
    Ok(Value::Boolean(holds))
}

fn range(from: &Value, to: &Value) -> Option<Value> {
    let (Value::Integer(from), Value::Integer(to)) = (from, to) else {
        return None;
    };
    Some(Value::List(
        (*from..=*to).take(LONGEST).map(Value::Integer).collect(),
    ))
}

fn arithmetic(name: &str, left: &Value, right: &Value) -> Option<Value> {
    match (name, left, right) {
        ("+", Value::Text(left), Value::Text(right)) => {
            (left.len() + right.len() <= LONGEST).then(|| Value::Text(format!("{left}{right}")))
        }
        ("+", Value::Integer(left), Value::Integer(right)) => {
            Some(Value::Integer(left.wrapping_add(*right)))
        }
        ("-", Value::Integer(left), Value::Integer(right)) => {
            Some(Value::Integer(left.wrapping_sub(*right)))
        }
        ("*", Value::Integer(left), Value::Integer(right)) => {
            Some(Value::Integer(left.wrapping_mul(*right)))
        }
        ("%", Value::Integer(left), Value::Integer(right)) => {
            left.checked_rem(*right).map(Value::Integer)
        }
        ("%", ..) => None,
        _ => {
            let (left, right) = (left.number()?, right.number()?);
            Some(Value::Float(match name {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" => left / right,
                _ => left.powf(right),
            }))
        }
    }
}
