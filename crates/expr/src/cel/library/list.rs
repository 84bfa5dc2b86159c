//! Kubernetes' library for lists, and what it takes from the extension library.

use std::cmp::Ordering;

use super::super::compare::{equal, order};
use super::super::signature::Sort::{Bool, Double, Duration, Int, List, Uint};
use super::super::signature::{A, Cost, Overload};
use super::{Called, Scratch, costly, function, int, items, method, mismatch};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[
    method("isSorted", &[List(&A)], Bool, is_sorted),
    method("sum", &[List(&Int)], Int, sum),
    method("sum", &[List(&Uint)], Uint, sum),
    method("sum", &[List(&Double)], Double, sum),
    method("sum", &[List(&Duration)], Duration, sum),
    method("min", &[List(&A)], A, |_, values| {
        extreme(values, Ordering::Less)
    }),
    method("max", &[List(&A)], A, |_, values| {
        extreme(values, Ordering::Greater)
    }),
    costly(
        method("indexOf", &[List(&A), A], Int, |_, values| {
            index_of(values, false)
        }),
        Cost::Deep,
    ),
    costly(
        method("lastIndexOf", &[List(&A), A], Int, |_, values| {
            index_of(values, true)
        }),
        Cost::Deep,
    ),
    costly(
        method("distinct", &[List(&A)], List(&A), distinct),
        Cost::Product,
    ),
    method("reverse", &[List(&A)], List(&A), |_, values| {
        Ok(items(values, 0)?
            .iter()
            .rev()
            .cloned()
            .collect::<Vec<_>>()
            .into())
    }),
    method("slice", &[List(&A), Int, Int], List(&A), slice),
    method("sort", &[List(&A)], List(&A), sort),
    method("flatten", &[List(&List(&A))], List(&A), flatten),
    method(
        "first",
        &[List(&A)],
        super::super::signature::Sort::Optional(&A),
        |_, values| Ok(optional(items(values, 0)?.first())),
    ),
    method(
        "last",
        &[List(&A)],
        super::super::signature::Sort::Optional(&A),
        |_, values| Ok(optional(items(values, 0)?.last())),
    ),
    function("lists.range", &[Int], List(&Int), range),
];

/// The longest list that `lists.range` makes.
const LONGEST_RANGE: i64 = 10_000;

fn optional(found: Option<&Value>) -> Value {
    found.cloned().map_or(Value::NONE, Value::some)
}

fn is_sorted(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let items = items(values, 0)?;
    let mut pairs = items.windows(2);
    Ok(pairs
        .all(|pair| order(&pair[0], &pair[1]).is_some_and(Ordering::is_le))
        .into())
}

fn sum(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let mut items = items(values, 0)?.iter();
    let Some(first) = items.next() else {
        return Ok(Value::Int(0));
    };
    let overflow = || "integer overflow".to_owned();
    items.try_fold(first.clone(), |sum, item| match (&sum, item) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(a), Value::Uint(b)) => a.checked_add(*b).map(Value::Uint).ok_or_else(overflow),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Value::Duration(a), Value::Duration(b)) => {
            a.checked_add(*b).map(Value::Duration).ok_or_else(overflow)
        }
        _ => Err(mismatch()),
    })
}

fn extreme(values: &[Value], wanted: Ordering) -> Called {
    let mut items = items(values, 0)?.iter();
    let name = if wanted == Ordering::Less {
        "min"
    } else {
        "max"
    };
    let first = items
        .next()
        .ok_or_else(|| format!("{name} called on empty list"))?;
    let choose = |best, item| match order(item, best) {
        Some(found) if found == wanted => Ok(item),
        Some(_) => Ok(best),
        None => Err(mismatch()),
    };
    items.try_fold(first, choose).cloned()
}

fn index_of(values: &[Value], last: bool) -> Called {
    let items = items(values, 0)?;
    let fits = |item: &Value| equal(item, &values[1]);
    let found = if last {
        items.iter().rposition(fits)
    } else {
        items.iter().position(fits)
    };
    Ok(Value::Int(found.map_or(-1, |at| at as i64)))
}

fn distinct(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(values, 0)? {
        if !kept.iter().any(|other| equal(other, item)) {
            kept.push(item.clone());
        }
    }
    Ok(kept.into())
}

fn slice(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (items, from, to) = (items(values, 0)?, int(values, 1)?, int(values, 2)?);
    let bounds = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    let part = bounds.and_then(|(from, to)| items.get(from..to));
    part.map(|part| part.to_vec().into())
        .ok_or_else(|| format!("cannot slice({from}, {to}), list is length {}", items.len()))
}

fn sort(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let mut sorted = items(values, 0)?.to_vec();
    if sorted
        .windows(2)
        .any(|pair| order(&pair[0], &pair[1]).is_none())
    {
        return Err("list elements must have the same type".to_owned());
    }
    sorted.sort_by(|a, b| order(a, b).unwrap_or(Ordering::Equal));
    Ok(sorted.into())
}

fn flatten(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let mut flat = Vec::new();
    for item in items(values, 0)? {
        match item {
            Value::List(inner) => flat.extend(inner.items.iter().cloned()),
            other => flat.push(other.clone()),
        }
    }
    Ok(flat.into())
}

fn range(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let end = int(values, 0)?;
    if end > LONGEST_RANGE {
        return Err(format!(
            "lists.range({end}): at most {LONGEST_RANGE} items can be made"
        ));
    }
    Ok((0..end).map(Value::Int).collect::<Vec<_>>().into())
}
