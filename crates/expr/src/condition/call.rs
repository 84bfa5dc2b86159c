//! The functions.

use super::Value;

/// The functions on values and how many they take.
pub const FUNCTIONS: &[(&str, &[usize])] = &[
    ("abs", &[1]),
    ("asFloat", &[1]),
    ("asInt", &[1]),
    ("ceil", &[1]),
    ("default", &[2]),
    ("first", &[1]),
    ("float", &[1]),
    ("floor", &[1]),
    ("int", &[1]),
    ("isInf", &[1]),
    ("isNaN", &[1]),
    ("isNil", &[1]),
    ("keys", &[1]),
    ("last", &[1]),
    ("len", &[1]),
    ("lower", &[1]),
    ("max", &[1, 2, 3, 4]),
    ("mean", &[1]),
    ("min", &[1, 2, 3, 4]),
    ("round", &[1]),
    ("string", &[1]),
    ("sum", &[1]),
    ("trim", &[1]),
    ("upper", &[1]),
    ("values", &[1]),
];

/// The functions that look at each item of a list.
pub(super) const EACH: &[&str] = &[
    "all", "any", "none", "one", "filter", "map", "count", "find",
];

pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let nil = Value::Nil;
    let value = arguments.first().unwrap_or(&nil);
    let answer = match name {
        "default" => Some(match value {
            Value::Nil => arguments.get(1).cloned().unwrap_or_default(),
            value => value.clone(),
        }),
        "isNil" => Some(Value::Boolean(*value == Value::Nil)),
        "isNaN" => value.number().map(|number| Value::Boolean(number.is_nan())),
        "isInf" => value
            .number()
            .map(|number| Value::Boolean(number.is_infinite())),
        "asInt" | "int" => integer(value),
        "asFloat" | "float" => float(value),
        "string" => Some(Value::Text(value.to_string())),
        "abs" | "ceil" | "floor" | "round" => rounded(name, value),
        "min" | "max" | "sum" | "mean" => aggregate(name, arguments),
        "len" => length(value),
        "first" | "last" | "keys" | "values" => collection(name, value),
        "upper" | "lower" | "trim" => letters(name, value),
        _ => None,
    };
    answer.ok_or_else(|| {
        let shown = if matches!(value, Value::Text(_)) {
            format!(" {value}")
        } else {
            String::new()
        };
        format!("{name} cannot take {}{shown}", value.type_name())
    })
}

fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(_) => Some(value.clone()),
        Value::Float(number) => Some(Value::Integer(*number as i64)),
        Value::Text(text) => text.trim().parse().ok().map(Value::Integer),
        _ => None,
    }
}

fn float(value: &Value) -> Option<Value> {
    match value {
        Value::Text(text) => text.trim().parse().ok().map(Value::Float),
        value => value.number().map(Value::Float),
    }
}

fn rounded(name: &str, value: &Value) -> Option<Value> {
    if let (Value::Integer(number), "abs") = (value, name) {
        return Some(Value::Integer(number.wrapping_abs()));
    }
    let number = value.number()?;
    Some(Value::Float(match name {
        "abs" => number.abs(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        _ => number.round(),
    }))
}

fn aggregate(name: &str, arguments: &[Value]) -> Option<Value> {
    let items = match arguments {
        [Value::List(items)] => items.as_slice(),
        items => items,
    };
    let numbers: Option<Vec<f64>> = items.iter().map(Value::number).collect();
    let numbers = numbers?;
    let whole = items.iter().all(|item| matches!(item, Value::Integer(_)));
    let answer = match name {
        "sum" => numbers.iter().sum(),
        "mean" => {
            return Some(Value::Float(
                numbers.iter().sum::<f64>() / numbers.len().max(1) as f64,
            ));
        }
        "min" => numbers.iter().copied().reduce(f64::min)?,
        _ => numbers.iter().copied().reduce(f64::max)?,
    };
    Some(if whole {
        Value::Integer(answer as i64)
    } else {
        Value::Float(answer)
    })
}

fn length(value: &Value) -> Option<Value> {
    let length = match value {
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Text(text) => text.chars().count(),
        _ => return None,
    };
    Some(Value::Integer(length as i64))
}

fn collection(name: &str, value: &Value) -> Option<Value> {
    Some(match (name, value) {
        ("first", Value::List(items)) => items.first().cloned().unwrap_or_default(),
        ("last", Value::List(items)) => items.last().cloned().unwrap_or_default(),
        ("keys", Value::Map(entries)) => {
            Value::List(entries.keys().map(|key| Value::Text(key.clone())).collect())
        }
        ("values", Value::Map(entries)) => Value::List(entries.values().cloned().collect()),
        _ => return None,
    })
}

fn letters(name: &str, value: &Value) -> Option<Value> {
    let Value::Text(text) = value else {
        return None;
    };
    Some(Value::Text(match name {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        _ => text.trim().to_owned(),
    }))
}
