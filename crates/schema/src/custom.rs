//! Structural schemas of CustomResourceDefinitions: parsing, pruning, defaulting, validation.
//!
//! Upstream's rules: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>.
//! CEL rules (`x-kubernetes-validations`) are kept in the schema but not evaluated here.

mod format;
mod parse;
pub mod structural;
mod transform;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::fact::MapKind;
pub use parse::Error;
pub use transform::{default, prune};
pub use validate::validate;

/// The schema of a custom kind.
#[derive(Debug)]
pub struct Schema {
    root: Node,
}

impl Schema {
    /// Reads an `openAPIV3Schema`.
    ///
    /// # Errors
    /// The path in the schema and what is wrong there.
    pub fn parse(open_api_v3_schema: &Value) -> Result<Self, Error> {
        parse::node(open_api_v3_schema).map(|root| Self { root })
    }

    /// The schema of the whole object.
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Object,
    Array,
    Text,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// Any type: the schema does not say.
    Any,
}

/// What fields may be there beside the properties.
#[derive(Debug)]
pub enum Additional {
    /// None.
    None,
    /// Any.
    Any,
    /// Those whose values meet the schema.
    Schema(Box<Node>),
}

/// What becomes of fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unknown {
    Pruned,
    Preserved,
}

/// Whether a value is an object of the Kubernetes API of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Embedded {
    Resource,
    Value,
}

/// Whether `null` is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Null {
    Allowed,
    Refused,
}

/// How server-side apply sees a list.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum List {
    Atomic,
    Set,
    Map(Vec<String>),
}

/// A bound of a number.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The number.
    pub value: f64,
    /// Whether the bound itself is outside.
    pub exclusive: bool,
}

/// Inclusive limits of a length or count.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Limits {
    pub least: Option<u64>,
    pub most: Option<u64>,
}

/// The schema of one value.
#[derive(Debug)]
#[allow(missing_docs)] // The fields are the keywords of OpenAPI that they are named after.
pub struct Node {
    pub kind: Kind,
    pub properties: BTreeMap<String, Node>,
    pub required: Vec<String>,
    pub additional: Additional,
    pub items: Option<Box<Node>>,
    pub null: Null,
    pub default: Option<Value>,
    pub choices: Vec<Value>,
    pub pattern: Option<Regex>,
    pub format: Option<String>,
    pub minimum: Option<Bound>,
    pub maximum: Option<Bound>,
    pub multiple_of: Option<f64>,
    pub length: Limits,
    pub count: Limits,
    pub size: Limits,
    pub unique: bool,
    pub unknown: Unknown,
    pub embedded: Embedded,
    pub list: List,
    pub map: MapKind,
    pub all_of: Vec<Node>,
    pub any_of: Vec<Node>,
    pub one_of: Vec<Node>,
    pub not: Option<Box<Node>>,
}

#[cfg(test)]
mod tests;
