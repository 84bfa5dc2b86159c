//! `x-kubernetes-validations`: the rules in the schema of a custom kind, compiled once and followed along an object.
//!
//! Upstream's semantics: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>.
//! A rule that names `oldSelf` applies to changes only, and only where the old value can be told: not below lists without keys.

mod compile;
mod cost;
mod follow;

use std::collections::BTreeMap;

use seatrial_expr::cel::{ListKind, Program, Type};
use serde_json::Value;

use crate::failure::Cause;

/// The rules of one version of a custom kind.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// `None` where there are no rules at all.
    root: Option<Place>,
}

/// A place in the schema that has rules, or has some below.
#[derive(Debug)]
struct Place {
    of: Type,
    /// How messages call the type of the value.
    type_name: String,
    rules: Vec<Rule>,
    properties: BTreeMap<String, Place>,
    /// Of the values beside the properties.
    additional: Option<Box<Place>>,
    items: Option<Box<Place>>,
    list: ListKind,
    /// Whether the parts of the value are compared with those it had before.
    correlation: Correlation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Correlation {
    ByPart,
    None,
}

#[derive(Debug)]
struct Rule {
    text: String,
    program: Program,
    message: Option<String>,
    message_expression: Option<Program>,
    reason: Reason,
    /// As in the path of a field, to be appended: `.a`, `[b]`.
    field: String,
    old: Old,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Invalid,
    Forbidden,
    Required,
    Duplicate,
}

/// What a rule says of the value before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Old {
    /// Nothing.
    Unused,
    /// There must be one, or the rule does not apply.
    Needed,
    /// It is an optional value.
    Optional,
}

impl Rules {
    /// Compiles the rules of an `openAPIV3Schema`; what is wrong with them has been said when the definition was stored, and
    /// is left out here.
    pub(crate) fn of(schema: &Value) -> Self {
        Self {
            root: compile::compile(schema),
        }
    }

    /// What is wrong with the rules of an `openAPIV3Schema` that stands at `path` of a definition.
    pub(crate) fn check(schema: &Value, path: &str) -> Vec<Cause> {
        compile::check(schema, path)
    }

    /// What the rules find wrong with an object, and with its change from `old`.
    pub(crate) fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        self.root
            .as_ref()
            .map(|root| follow::validate(root, object, old))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
