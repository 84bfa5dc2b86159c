//! Operators and conversions, as overloads like all others.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::compare::{contains, equal, join, order};
use super::library::{Scratch, time};
use super::signature::Sort::{
    Bool, Bytes, Double, Duration, Dyn, Int, List, Map, Text, Timestamp as Moment, Type, Uint,
};
use super::signature::{A, B, Cost, Overload, Sort};
use super::syntax::Style;
use super::value::Value;

type Called = Result<Value, String>;

const fn function(
    name: &'static str,
    parameters: &'static [Sort],
    result: Sort,
    cost: Cost,
    call: fn(&mut Scratch<'_>, &[Value]) -> Called,
) -> Overload {
    Overload {
        name,
        style: Style::Function,
        parameters,
        result,
        cost,
        call,
    }
}

/// Arithmetic on operands of one type.
fn arithmetic(
    values: &[Value],
    int: fn(i64, i64) -> Option<i64>,
    uint: fn(u64, u64) -> Option<u64>,
    double: fn(f64, f64) -> f64,
) -> Called {
    match values {
        [Value::Int(a), Value::Int(b)] => int(*a, *b)
            .map(Value::Int)
            .ok_or_else(|| "integer overflow".to_owned()),
        [Value::Uint(a), Value::Uint(b)] => uint(*a, *b)
            .map(Value::Uint)
            .ok_or_else(|| "unsigned integer overflow".to_owned()),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(double(*a, *b))),
        _ => Err("no such overload".to_owned()),
    }
}

fn add(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    match values {
        [Value::String(a), Value::String(b)] => Ok(format!("{a}{b}").into()),
        [Value::Bytes(a), Value::Bytes(b)] => {
            Ok(Value::Bytes([a.as_ref(), b.as_ref()].concat().into()))
        }
        [Value::List(a), Value::List(b)] => Ok(Value::List(join(a, b).into())),
        [Value::Duration(a), Value::Duration(b)] => {
            a.checked_add(*b).map(Value::Duration).ok_or_else(overflow)
        }
        [Value::Timestamp(moment), Value::Duration(by)]
        | [Value::Duration(by), Value::Timestamp(moment)] => moment
            .checked_add(*by)
            .map(Value::Timestamp)
            .map_err(|_| overflow()),
        other => arithmetic(other, i64::checked_add, u64::checked_add, |a, b| a + b),
    }
}

fn overflow() -> String {
    "timestamp overflow".to_owned()
}

fn subtract(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    match values {
        [Value::Duration(a), Value::Duration(b)] => {
            a.checked_sub(*b).map(Value::Duration).ok_or_else(overflow)
        }
        [Value::Timestamp(a), Value::Timestamp(b)] => Ok(Value::Duration(a.duration_since(*b))),
        [Value::Timestamp(a), Value::Duration(b)] => a
            .checked_sub(*b)
            .map(Value::Timestamp)
            .map_err(|_| overflow()),
        other => arithmetic(other, i64::checked_sub, u64::checked_sub, |a, b| a - b),
    }
}

fn multiply(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    arithmetic(values, i64::checked_mul, u64::checked_mul, |a, b| a * b)
}

fn divide(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    if matches!(values, [_, Value::Int(0) | Value::Uint(0)]) {
        return Err("division by zero".to_owned());
    }
    arithmetic(values, i64::checked_div, u64::checked_div, |a, b| a / b)
}

fn remainder(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    if matches!(values, [_, Value::Int(0) | Value::Uint(0)]) {
        return Err("modulus by zero".to_owned());
    }
    arithmetic(values, i64::checked_rem, u64::checked_rem, |a, b| a % b)
}

fn negate(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    match values {
        [Value::Int(value)] => value
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| "integer overflow".to_owned()),
        [Value::Double(value)] => Ok(Value::Double(-value)),
        _ => Err("no such overload".to_owned()),
    }
}

fn not(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    match values {
        [Value::Bool(value)] => Ok(Value::Bool(!value)),
        _ => Err("no such overload".to_owned()),
    }
}

fn ordered(values: &[Value], fits: fn(Ordering) -> bool) -> Called {
    match values {
        // What is not a number is in no order to anything.
        [a, b] => Ok(Value::Bool(order(a, b).is_some_and(fits))),
        _ => Err("no such overload".to_owned()),
    }
}

macro_rules! order_overloads {
    ($name:literal, $fits:expr) => {
        [
            function($name, &[Bool, Bool], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Int, Int], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Uint, Uint], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function(
                $name,
                &[Double, Double],
                Bool,
                Cost::Constant,
                |_, values| ordered(values, $fits),
            ),
            function($name, &[Int, Uint], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Int, Double], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Uint, Int], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Uint, Double], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Double, Int], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Double, Uint], Bool, Cost::Constant, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Text, Text], Bool, Cost::Sum, |_, values| {
                ordered(values, $fits)
            }),
            function($name, &[Bytes, Bytes], Bool, Cost::Sum, |_, values| {
                ordered(values, $fits)
            }),
            function(
                $name,
                &[Moment, Moment],
                Bool,
                Cost::Constant,
                |_, values| ordered(values, $fits),
            ),
            function(
                $name,
                &[Duration, Duration],
                Bool,
                Cost::Constant,
                |_, values| ordered(values, $fits),
            ),
        ]
    };
}

pub(super) static LESS: [Overload; 14] = order_overloads!("_<_", Ordering::is_lt);
pub(super) static LESS_OR_EQUAL: [Overload; 14] = order_overloads!("_<=_", Ordering::is_le);
pub(super) static GREATER: [Overload; 14] = order_overloads!("_>_", Ordering::is_gt);
pub(super) static GREATER_OR_EQUAL: [Overload; 14] = order_overloads!("_>=_", Ordering::is_ge);

pub(super) static OPERATORS: &[Overload] = &[
    function("_==_", &[A, A], Bool, Cost::Deep, |_, values| {
        Ok(Value::Bool(equal(&values[0], &values[1])))
    }),
    function("_!=_", &[A, A], Bool, Cost::Deep, |_, values| {
        Ok(Value::Bool(!equal(&values[0], &values[1])))
    }),
    function("@in", &[A, List(&A)], Bool, Cost::Deep, |_, values| {
        Ok(Value::Bool(contains(&values[1], &values[0])))
    }),
    function(
        "@in",
        &[A, Map(&A, &B)],
        Bool,
        Cost::Constant,
        |_, values| Ok(Value::Bool(contains(&values[1], &values[0]))),
    ),
    function("!_", &[Bool], Bool, Cost::Constant, not),
    function("-_", &[Int], Int, Cost::Constant, negate),
    function("-_", &[Double], Double, Cost::Constant, negate),
    function("_+_", &[Int, Int], Int, Cost::Constant, add),
    function("_+_", &[Uint, Uint], Uint, Cost::Constant, add),
    function("_+_", &[Double, Double], Double, Cost::Constant, add),
    function("_+_", &[Text, Text], Text, Cost::Sum, add),
    function("_+_", &[Bytes, Bytes], Bytes, Cost::Sum, add),
    function("_+_", &[List(&A), List(&A)], List(&A), Cost::Sum, add),
    function("_+_", &[Duration, Duration], Duration, Cost::Constant, add),
    function("_+_", &[Moment, Duration], Moment, Cost::Constant, add),
    function("_+_", &[Duration, Moment], Moment, Cost::Constant, add),
    function("_-_", &[Int, Int], Int, Cost::Constant, subtract),
    function("_-_", &[Uint, Uint], Uint, Cost::Constant, subtract),
    function("_-_", &[Double, Double], Double, Cost::Constant, subtract),
    function(
        "_-_",
        &[Duration, Duration],
        Duration,
        Cost::Constant,
        subtract,
    ),
    function("_-_", &[Moment, Moment], Duration, Cost::Constant, subtract),
    function("_-_", &[Moment, Duration], Moment, Cost::Constant, subtract),
    function("_*_", &[Int, Int], Int, Cost::Constant, multiply),
    function("_*_", &[Uint, Uint], Uint, Cost::Constant, multiply),
    function("_*_", &[Double, Double], Double, Cost::Constant, multiply),
    function("_/_", &[Int, Int], Int, Cost::Constant, divide),
    function("_/_", &[Uint, Uint], Uint, Cost::Constant, divide),
    function("_/_", &[Double, Double], Double, Cost::Constant, divide),
    function("_%_", &[Int, Int], Int, Cost::Constant, remainder),
    function("_%_", &[Uint, Uint], Uint, Cost::Constant, remainder),
];

pub(super) static CONVERSIONS: &[Overload] = &[
    function("dyn", &[Dyn], Dyn, Cost::Constant, |_, values| {
        Ok(values[0].clone())
    }),
    function("type", &[Dyn], Type, Cost::Constant, |_, values| {
        Ok(Value::Type(values[0].type_name().into()))
    }),
    function("bool", &[Bool], Bool, Cost::Constant, |_, values| {
        Ok(values[0].clone())
    }),
    function(
        "bool",
        &[Text],
        Bool,
        Cost::Constant,
        |_, values| match values[0].as_str() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Value::Bool(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Value::Bool(false)),
            _ => Err("type conversion error from 'string' to 'bool'".to_owned()),
        },
    ),
    function("int", &[Int], Int, Cost::Constant, |_, values| {
        to_int(&values[0])
    }),
    function("int", &[Uint], Int, Cost::Constant, |_, values| {
        to_int(&values[0])
    }),
    function("int", &[Double], Int, Cost::Constant, |_, values| {
        to_int(&values[0])
    }),
    function("int", &[Text], Int, Cost::Sum, |_, values| {
        to_int(&values[0])
    }),
    function("int", &[Moment], Int, Cost::Constant, |_, values| {
        to_int(&values[0])
    }),
    function("uint", &[Int], Uint, Cost::Constant, |_, values| {
        to_uint(&values[0])
    }),
    function("uint", &[Uint], Uint, Cost::Constant, |_, values| {
        to_uint(&values[0])
    }),
    function("uint", &[Double], Uint, Cost::Constant, |_, values| {
        to_uint(&values[0])
    }),
    function("uint", &[Text], Uint, Cost::Sum, |_, values| {
        to_uint(&values[0])
    }),
    function("double", &[Int], Double, Cost::Constant, |_, values| {
        to_double(&values[0])
    }),
    function("double", &[Uint], Double, Cost::Constant, |_, values| {
        to_double(&values[0])
    }),
    function("double", &[Double], Double, Cost::Constant, |_, values| {
        to_double(&values[0])
    }),
    function("double", &[Text], Double, Cost::Sum, |_, values| {
        to_double(&values[0])
    }),
    function("string", &[Bool], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Int], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Uint], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Double], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Text], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Bytes], Text, Cost::Sum, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Moment], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Duration], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function("string", &[Sort::Ip], Text, Cost::Constant, |_, values| {
        to_text(&values[0])
    }),
    function(
        "string",
        &[Sort::Cidr],
        Text,
        Cost::Constant,
        |_, values| to_text(&values[0]),
    ),
    function("bytes", &[Bytes], Bytes, Cost::Constant, |_, values| {
        Ok(values[0].clone())
    }),
    function("bytes", &[Text], Bytes, Cost::Sum, |_, values| {
        Ok(Value::Bytes(
            values[0].as_str().unwrap_or_default().as_bytes().into(),
        ))
    }),
    function(
        "timestamp",
        &[Moment],
        Moment,
        Cost::Constant,
        |_, values| Ok(values[0].clone()),
    ),
    function("timestamp", &[Text], Moment, Cost::Constant, |_, values| {
        let text = values[0].as_str().unwrap_or_default();
        let parsed = text.parse::<Timestamp>();
        parsed
            .map(Value::Timestamp)
            .map_err(|_| format!("invalid timestamp {text:?}"))
    }),
    function(
        "timestamp",
        &[Int],
        Moment,
        Cost::Constant,
        |_, values| match values[0] {
            Value::Int(seconds) => Timestamp::from_second(seconds)
                .map(Value::Timestamp)
                .map_err(|_| overflow()),
            _ => Err("no such overload".to_owned()),
        },
    ),
    function(
        "duration",
        &[Duration],
        Duration,
        Cost::Constant,
        |_, values| Ok(values[0].clone()),
    ),
    function(
        "duration",
        &[Text],
        Duration,
        Cost::Constant,
        |_, values| time::duration(values[0].as_str().unwrap_or_default()).map(Value::Duration),
    ),
    function(
        "duration",
        &[Int],
        Duration,
        Cost::Constant,
        |_, values| match values[0] {
            Value::Int(seconds) => Ok(Value::Duration(SignedDuration::from_secs(seconds))),
            _ => Err("no such overload".to_owned()),
        },
    ),
];

fn to_int(value: &Value) -> Called {
    let range = || "integer overflow".to_owned();
    Ok(Value::Int(match value {
        Value::Int(value) => *value,
        Value::Uint(value) => i64::try_from(*value).map_err(|_| range())?,
        Value::Double(value) if value.abs() < 9.223_372_036_854_775e18 => *value as i64,
        Value::Double(_) => return Err(range()),
        Value::Timestamp(moment) => moment.as_second(),
        Value::String(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))?,
        _ => return Err("no such overload".to_owned()),
    }))
}

fn to_uint(value: &Value) -> Called {
    let range = || "unsigned integer overflow".to_owned();
    Ok(Value::Uint(match value {
        Value::Int(value) => u64::try_from(*value).map_err(|_| range())?,
        Value::Uint(value) => *value,
        Value::Double(value) if *value >= 0.0 && *value < 1.844_674_407_370_955e19 => *value as u64,
        Value::Double(_) => return Err(range()),
        Value::String(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))?,
        _ => return Err("no such overload".to_owned()),
    }))
}

fn to_double(value: &Value) -> Called {
    Ok(Value::Double(match value {
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::Double(value) => *value,
        Value::String(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))?,
        _ => return Err("no such overload".to_owned()),
    }))
}

/// A value as text, as `string(x)` gives it.
pub(super) fn to_text(value: &Value) -> Called {
    Ok(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::String(_) => return Ok(value.clone()),
        Value::Bytes(bytes) => std::str::from_utf8(bytes)
            .map_err(|_| "invalid UTF-8 in bytes, cannot convert to string")?
            .to_owned(),
        Value::Timestamp(moment) => moment.to_string(),
        Value::Duration(duration) => time::show(*duration),
        Value::Ip(address) => address.to_string(),
        Value::Cidr(range) => range.to_string(),
        _ => return Err("no such overload".to_owned()),
    }
    .into())
}
