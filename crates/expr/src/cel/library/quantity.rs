//! Quantities such as `100m`, `1.5Gi`, `2e3`.

use std::cmp::Ordering;
use std::fmt;

use super::super::signature::Overload;
use super::super::signature::Sort::{Bool, Double, Int, Quantity as Amount, Text};
use super::{Called, function, method, mismatch, text};
use crate::cel::value::Value;

/// A quantity in billionths, which is as fine as upstream's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

const NANO: i128 = 1_000_000_000;

/// Suffixes and what they multiply a billionth with; `None` for fractions of it.
const SUFFIXES: &[(&str, i128)] = &[
    ("Ki", NANO << 10),
    ("Mi", NANO << 20),
    ("Gi", NANO << 30),
    ("Ti", NANO << 40),
    ("Pi", NANO << 50),
    ("Ei", NANO << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * 1_000_000_000),
    ("T", NANO * 1_000_000_000_000),
    ("P", NANO * 1_000_000_000_000_000),
    ("E", NANO * 1_000_000_000_000_000_000),
];

impl Quantity {
    /// Reads a quantity.
    pub(in crate::cel) fn parse(text: &str) -> Option<Self> {
        let end = text
            .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | '+' | '-'))
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let unit = match suffix {
            "" => NANO,
            suffix => match SUFFIXES.iter().find(|(name, _)| *name == suffix) {
                Some((_, unit)) => *unit,
                None => exponent(suffix)?,
            },
        };
        let (negative, digits) = match number.as_bytes() {
            [b'-', ..] => (true, &number[1..]),
            [b'+', ..] => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty())
            || !plain(whole)
            || !plain(fraction)
            || whole.len() + fraction.len() > 30
        {
            return None;
        }
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let value: i128 = format!("{whole}{fraction}").parse().ok()?;
        // What is finer than a billionth is rounded up, as upstream does.
        let product = value.checked_mul(unit)?;
        let nanos = product / scale + i128::from(product % scale != 0);
        Some(Self(if negative { -nanos } else { nanos }))
    }

    fn as_integer(self) -> Option<i64> {
        (self.0 % NANO == 0)
            .then(|| i64::try_from(self.0 / NANO).ok())
            .flatten()
    }
}

/// `e3`, `E-2`: how many billionths the exponent means.
fn exponent(suffix: &str) -> Option<i128> {
    let digits = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i32 = digits.parse().ok()?;
    10_i128.checked_pow(u32::try_from(exponent + 9).ok()?)
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("", NANO), ("m", 1_000_000), ("u", 1_000), ("n", 1)];
        let (suffix, unit) = units
            .into_iter()
            .find(|(_, unit)| self.0 % unit == 0)
            .unwrap_or(("n", 1));
        write!(formatter, "{}{suffix}", self.0 / unit)
    }
}

pub(super) static FUNCTIONS: &[Overload] = &[
    function("quantity", &[Text], Amount, |_, values| {
        let parsed = Quantity::parse(text(values, 0)?).map(Value::Quantity);
        parsed.ok_or_else(|| "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned())
    }),
    function("isQuantity", &[Text], Bool, |_, values| {
        Ok(Quantity::parse(text(values, 0)?).is_some().into())
    }),
    method("isInteger", &[Amount], Bool, |_, values| {
        Ok(one(values, 0)?.as_integer().is_some().into())
    }),
    method("asInteger", &[Amount], Int, |_, values| {
        one(values, 0)?
            .as_integer()
            .map(Value::Int)
            .ok_or_else(|| "cannot convert value to integer".to_owned())
    }),
    method("asApproximateFloat", &[Amount], Double, |_, values| {
        Ok(Value::Double(one(values, 0)?.0 as f64 / NANO as f64))
    }),
    method("sign", &[Amount], Int, |_, values| {
        Ok(Value::Int(one(values, 0)?.0.signum() as i64))
    }),
    method("add", &[Amount, Amount], Amount, |_, values| {
        change(values, i128::checked_add)
    }),
    method("sub", &[Amount, Amount], Amount, |_, values| {
        change(values, i128::checked_sub)
    }),
    method("add", &[Amount, Int], Amount, |_, values| {
        change(values, i128::checked_add)
    }),
    method("sub", &[Amount, Int], Amount, |_, values| {
        change(values, i128::checked_sub)
    }),
    method("isLessThan", &[Amount, Amount], Bool, |_, values| {
        Ok((one(values, 0)? < one(values, 1)?).into())
    }),
    method("isGreaterThan", &[Amount, Amount], Bool, |_, values| {
        Ok((one(values, 0)? > one(values, 1)?).into())
    }),
    method("compareTo", &[Amount, Amount], Int, |_, values| {
        Ok(Value::Int(sign(one(values, 0)?.cmp(&one(values, 1)?))))
    }),
];

/// -1, 0 or 1.
pub(super) fn sign(order: Ordering) -> i64 {
    order as i64
}

fn one(values: &[Value], index: usize) -> Result<Quantity, String> {
    match values.get(index) {
        Some(Value::Quantity(quantity)) => Ok(*quantity),
        Some(Value::Int(value)) => Ok(Quantity(i128::from(*value) * NANO)),
        _ => Err(mismatch()),
    }
}

fn change(values: &[Value], change: fn(i128, i128) -> Option<i128>) -> Called {
    let changed = change(one(values, 0)?.0, one(values, 1)?.0);
    changed
        .map(|value| Value::Quantity(Quantity(value)))
        .ok_or_else(|| "quantity overflow".to_owned())
}
