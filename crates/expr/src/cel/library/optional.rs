//! Optional values.

use super::super::signature::Sort::{Bool, Optional};
use super::super::signature::{A, Cost, Overload};
use super::{costly, function, method, mismatch};
use crate::cel::value::Value;

pub(super) static FUNCTIONS: &[Overload] = &[
    costly(
        function("optional.of", &[A], Optional(&A), |_, values| {
            Ok(Value::some(values[0].clone()))
        }),
        Cost::Constant,
    ),
    costly(
        function("optional.none", &[], Optional(&A), |_, _| Ok(Value::NONE)),
        Cost::Constant,
    ),
    costly(
        function(
            "optional.ofNonZeroValue",
            &[A],
            Optional(&A),
            |_, values| {
                Ok(if zero(&values[0]) {
                    Value::NONE
                } else {
                    Value::some(values[0].clone())
                })
            },
        ),
        Cost::Constant,
    ),
    method("hasValue", &[Optional(&A)], Bool, |_, values| {
        Ok(matches!(values[0], Value::Optional(Some(_))).into())
    }),
    method("value", &[Optional(&A)], A, |_, values| match &values[0] {
        Value::Optional(Some(inner)) => Ok((**inner).clone()),
        Value::Optional(None) => Err("optional.none() dereference".to_owned()),
        _ => Err(mismatch()),
    }),
    // With a value on the left, the evaluator does not come here.
    method(
        "or",
        &[Optional(&A), Optional(&A)],
        Optional(&A),
        |_, values| Ok(values[1].clone()),
    ),
    method("orValue", &[Optional(&A), A], A, |_, values| {
        Ok(values[1].clone())
    }),
];

fn zero(value: &Value) -> bool {
    match value {
        Value::Null
        | Value::Bool(false)
        | Value::Int(0)
        | Value::Uint(0)
        | Value::Optional(None) => true,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Duration(duration) => duration.is_zero(),
        _ => false,
    }
}
