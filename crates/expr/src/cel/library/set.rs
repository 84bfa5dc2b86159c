//! The extension library for sets: lists without order and repetition.

use super::super::compare::equal;
use super::super::signature::Sort::{Bool, List};
use super::super::signature::{A, Cost, Overload};
use super::{Called, Scratch, costly, function, items};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[
    costly(
        function("sets.contains", &[List(&A), List(&A)], Bool, contains),
        Cost::Product,
    ),
    costly(
        function("sets.equivalent", &[List(&A), List(&A)], Bool, equivalent),
        Cost::Product,
    ),
    costly(
        function("sets.intersects", &[List(&A), List(&A)], Bool, intersects),
        Cost::Product,
    ),
];

fn has(list: &[Value], item: &Value) -> bool {
    list.iter().any(|other| equal(other, item))
}

fn contains(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (all, part) = (items(values, 0)?, items(values, 1)?);
    Ok(part.iter().all(|item| has(all, item)).into())
}

fn equivalent(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (left, right) = (items(values, 0)?, items(values, 1)?);
    Ok(
        (left.iter().all(|item| has(right, item)) && right.iter().all(|item| has(left, item)))
            .into(),
    )
}

fn intersects(_: &mut Scratch<'_>, values: &[Value]) -> Called {
    let (left, right) = (items(values, 0)?, items(values, 1)?);
    Ok(left.iter().any(|item| has(right, item)).into())
}
