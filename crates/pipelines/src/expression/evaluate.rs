//! A tree and contexts to a value.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parse::{Expression, Operator, Tree};
use super::value::{equal, member, number, order, truthy};
use super::{Error, value};

/// How the job (for a step) or the jobs before (for a job) went so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing failed.
    #[default]
    Success,
    /// Something failed.
    Failure,
    /// Someone asked to stop.
    Cancelled,
    /// Something before was skipped: neither success nor failure.
    Skipped,
}

/// Hashes files of the workspace, for `hashFiles`.
pub trait Files: Sync {
    /// SHA-256 over the files that match the glob patterns; empty where none does.
    fn hash(&self, patterns: &[String]) -> Result<String, String>;
}

/// What an expression can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The contexts by name; one that is missing reads as an empty object.
    pub contexts: &'a BTreeMap<&'static str, Value>,
    /// What `success()` and its kin answer.
    pub status: Status,
    /// The workspace, where there is one.
    pub files: Option<&'a dyn Files>,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A value, and whether it came out of a `*`: what follows then applies to each item.
struct Found {
    value: Value,
    filtered: bool,
}

impl From<Value> for Found {
    fn from(value: Value) -> Self {
        Self {
            value,
            filtered: false,
        }
    }
}

impl Expression {
    /// The expression's value.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Error> {
        self.tree(&self.root, scope).map(|found| found.value)
    }

    /// The value of an `if`: and-ed with `success()` unless it asks for the status itself.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        if !self.checks_status() && scope.status != Status::Success {
            return Ok(false);
        }
        self.evaluate(scope).map(|value| truthy(&value))
    }

    fn tree(&self, tree: &Tree, scope: &Scope<'_>) -> Result<Found, Error> {
        Ok(match tree {
            Tree::Literal(value) => value.clone().into(),
            Tree::NotANumber => Value::from("NaN").into(),
            Tree::Context(name) => scope
                .contexts
                .get(name.as_str())
                .cloned()
                .unwrap_or_else(empty)
                .into(),
            Tree::Not(inner) => Value::from(!truthy(&self.tree(inner, scope)?.value)).into(),
            Tree::Filter(inner) => filter(self.tree(inner, scope)?),
            Tree::Index(target, index) => {
                let target = self.tree(target, scope)?;
                let index = self.tree(index, scope)?.value;
                step_into(&target, &index)
            }
            Tree::Binary(operator, left, right) => {
                self.binary(*operator, left, right, scope)?.into()
            }
            Tree::Call(function, arguments) => {
                let arguments = arguments
                    .iter()
                    .map(|argument| self.tree(argument, scope).map(|found| found.value))
                    .collect::<Result<Vec<_>, _>>()?;
                (function.apply)(&arguments, scope)
                    .map_err(|message| Error::Call {
                        function: function.name,
                        message,
                        source_text: self.source.clone(),
                    })?
                    .into()
            }
        })
    }

    fn binary(
        &self,
        operator: Operator,
        left: &Tree,
        right: &Tree,
        scope: &Scope<'_>,
    ) -> Result<Value, Error> {
        let no_number = [left, right]
            .iter()
            .any(|tree| matches!(tree, Tree::NotANumber));
        let left = self.tree(left, scope)?.value;
        let short = match operator {
            Operator::Or => truthy(&left),
            Operator::And => !truthy(&left),
            _ => false,
        };
        if short {
            return Ok(left);
        }
        let right = self.tree(right, scope)?.value;
        let ordered = || order(&left, &right);
        Ok(match operator {
            Operator::Or | Operator::And => right,
            // JSON cannot hold NaN, so its comparisons are answered here: it equals nothing.
            _ if no_number => (operator == Operator::Unequal).into(),
            Operator::Equal => equal(&left, &right).into(),
            Operator::Unequal => (!equal(&left, &right)).into(),
            Operator::Less => ordered().is_some_and(std::cmp::Ordering::is_lt).into(),
            Operator::LessOrEqual => ordered().is_some_and(std::cmp::Ordering::is_le).into(),
            Operator::Greater => ordered().is_some_and(std::cmp::Ordering::is_gt).into(),
            Operator::GreaterOrEqual => ordered().is_some_and(std::cmp::Ordering::is_ge).into(),
        })
    }
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// `value.*`: the items of a list, the values of an object, of each where already filtered.
fn filter(found: Found) -> Found {
    let items = |value: Value| match value {
        Value::Array(items) => items,
        Value::Object(members) => members.into_iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    };
    let value = match (found.filtered, found.value) {
        (true, Value::Array(outer)) => outer.into_iter().flat_map(items).collect(),
        (_, value) => items(value),
    };
    Found {
        value: Value::Array(value),
        filtered: true,
    }
}

fn step_into(target: &Found, index: &Value) -> Found {
    match (&target.value, target.filtered) {
        (Value::Array(items), true) => Found {
            value: items
                .iter()
                .filter_map(|item| at(item, index))
                .cloned()
                .collect(),
            filtered: true,
        },
        (value, _) => at(value, index).cloned().unwrap_or(Value::Null).into(),
    }
}

fn at<'a>(value: &'a Value, index: &Value) -> Option<&'a Value> {
    match value {
        Value::Object(_) => member(value, &value::text(index)),
        Value::Array(items) => {
            let index = number(index);
            (index >= 0.0)
                .then(|| items.get(index.floor() as usize))
                .flatten()
        }
        _ => None,
    }
}
