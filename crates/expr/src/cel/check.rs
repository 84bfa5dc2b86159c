//! The check before evaluation: names that there are not, and types that do not fit.

mod call;
mod fold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use super::environment::Environment;
use super::error::Issue;
use super::field;
use super::library;
use super::syntax::{Node, Part, Presence, Wrapping};
use super::types::Type;
use super::value::{ListKind, Value};

/// What the check found.
pub(super) struct Checked {
    pub(super) of: Type,
    pub(super) patterns: BTreeMap<String, Regex>,
    pub(super) names: BTreeSet<String>,
}

/// Names that mean types.
pub(super) const TYPES: &[&str] = &[
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "optional_type",
];

/// The type of each node of a tree.
pub(super) fn types(
    environment: &Environment,
    text: &str,
    root: &Node,
) -> Result<BTreeMap<u32, Type>, Vec<Issue>> {
    let mut checker = Checker::new(environment, text);
    checker.types = Some(BTreeMap::new());
    checker.node(root);
    if checker.issues.is_empty() {
        Ok(checker.types.unwrap_or_default())
    } else {
        Err(checker.issues)
    }
}

/// Checks a tree.
pub(super) fn check(
    environment: &Environment,
    text: &str,
    root: &Node,
) -> Result<Checked, Vec<Issue>> {
    let mut checker = Checker::new(environment, text);
    let of = checker.node(root);
    if checker.issues.is_empty() {
        let Checker {
            patterns, names, ..
        } = checker;
        Ok(Checked {
            of,
            patterns,
            names,
        })
    } else {
        Err(checker.issues)
    }
}

struct Checker<'a> {
    environment: &'a Environment,
    text: &'a str,
    scopes: Vec<(Arc<str>, Type)>,
    issues: Vec<Issue>,
    patterns: BTreeMap<String, Regex>,
    names: BTreeSet<String>,
    /// The types of all nodes, where somebody wants them.
    types: Option<BTreeMap<u32, Type>>,
}

impl<'a> Checker<'a> {
    fn new(environment: &'a Environment, text: &'a str) -> Self {
        Self {
            environment,
            text,
            scopes: Vec::new(),
            issues: Vec::new(),
            patterns: BTreeMap::new(),
            names: BTreeSet::new(),
            types: None,
        }
    }
}

impl Checker<'_> {
    /// Notes an issue; what is wrong is taken for anything from here on.
    fn wrong(&mut self, at: usize, message: impl Into<String>) -> Type {
        self.issues.push(Issue::at(self.text, at, message));
        Type::Dyn
    }

    fn no_overload(&mut self, at: usize, function: &str, found: &[Type]) -> Type {
        let names: Vec<String> = found.iter().map(Type::to_string).collect();
        let message = format!(
            "found no matching overload for '{function}' applied to '({})'",
            names.join(", ")
        );
        self.wrong(at, message)
    }

    fn with(&mut self, name: &Arc<str>, of: Type, node: &Node) -> Type {
        self.scopes.push((Arc::clone(name), of));
        let found = self.node(node);
        self.scopes.pop();
        found
    }

    fn node(&mut self, node: &Node) -> Type {
        let of = self.part(node);
        if let Some(types) = &mut self.types {
            types.insert(node.id, of.clone());
        }
        of
    }

    fn part(&mut self, node: &Node) -> Type {
        let at = node.at;
        match &node.part {
            Part::Literal(value) => literal(value),
            Part::Name(name) => self.name(at, name),
            Part::Select {
                operand,
                field,
                presence,
            } => self.select(at, operand, field, *presence),
            Part::Index {
                operand,
                index,
                presence,
            } => self.index(at, operand, index, *presence),
            Part::Call {
                function,
                style,
                arguments,
            } => self.call(at, function, *style, arguments),
            Part::And(nodes) => self.logic(at, "_&&_", nodes),
            Part::Or(nodes) => self.logic(at, "_||_", nodes),
            Part::If(parts) => self.choice(at, parts),
            Part::List(items) => self.list(items),
            Part::Map(entries) => self.map(entries),
            Part::Struct { name, fields } => self.structure(at, name, fields),
            Part::Fold(fold) => self.fold(at, fold),
            Part::Bind { name, value, body } => {
                let of = self.node(value);
                self.with(name, of, body)
            }
            Part::Unwrap {
                name,
                value,
                body,
                result,
            } => {
                let inner = match self.node(value) {
                    Type::Optional(inner) => (*inner).clone(),
                    Type::Dyn => Type::Dyn,
                    other => self.no_overload(at, "optMap", &[other]),
                };
                let found = self.with(name, inner, body);
                match result {
                    Wrapping::Wrap => Type::optional(found),
                    Wrapping::Flat => found,
                }
            }
        }
    }

    fn name(&mut self, at: usize, name: &Arc<str>) -> Type {
        if let Some((_, of)) = self.scopes.iter().rev().find(|(known, _)| known == name) {
            return of.clone();
        }
        if let Some(of) = self.environment.variables.get(name.as_ref()) {
            self.names.insert(name.to_string());
            return of.clone();
        }
        if TYPES.contains(&name.as_ref()) {
            return Type::Type;
        }
        self.wrong(
            at,
            format!("undeclared reference to '{name}' (in container '')"),
        )
    }

    fn select(&mut self, at: usize, operand: &Node, field: &str, presence: Presence) -> Type {
        let operand = self.node(operand);
        let (inner, through) = match operand {
            Type::Optional(inner) => ((*inner).clone(), true),
            other => (other, false),
        };
        let found = match &inner {
            Type::Dyn => Type::Dyn,
            Type::Map(_, values) => (**values).clone(),
            Type::Authorizer if field == "requestResource" => Type::ResourceCheck,
            Type::Object(object) => {
                let known = object
                    .fields
                    .get(field)
                    .or_else(|| object.fields.get(field::unescape(field).as_ref()));
                match known {
                    Some(of) => of.clone(),
                    None => self.wrong(at, format!("undefined field '{field}'")),
                }
            }
            other => self.wrong(
                at,
                format!("type '{other}' does not support field selection"),
            ),
        };
        match presence {
            Presence::Test => Type::Bool,
            Presence::Optional => optional(found),
            Presence::Plain if through => optional(found),
            Presence::Plain => found,
        }
    }

    fn index(&mut self, at: usize, operand: &Node, index: &Node, presence: Presence) -> Type {
        let (operand, index) = (self.node(operand), self.node(index));
        let (inner, through) = match &operand {
            Type::Optional(inner) => ((**inner).clone(), true),
            other => (other.clone(), false),
        };
        let numeric = Type::Int.accepts(&index) || matches!(index, Type::Uint | Type::Double);
        let found = match &inner {
            Type::Dyn => Type::Dyn,
            Type::List(items, _) if numeric => (**items).clone(),
            Type::Map(keys, values) if keys.accepts(&index) => (**values).clone(),
            _ => self.no_overload(at, "_[_]", &[operand, index]),
        };
        if through || presence == Presence::Optional {
            optional(found)
        } else {
            found
        }
    }

    fn logic(&mut self, at: usize, function: &str, nodes: &[Node]) -> Type {
        let found: Vec<Type> = nodes.iter().map(|node| self.node(node)).collect();
        if found.iter().any(|of| !Type::Bool.accepts(of)) {
            self.no_overload(at, function, &found);
        }
        Type::Bool
    }

    fn choice(&mut self, at: usize, parts: &[Node; 3]) -> Type {
        let [condition, yes, no] = parts.each_ref().map(|part| self.node(part));
        if Type::Bool.accepts(&condition)
            && let Some(joined) = join(&yes, &no)
        {
            return joined;
        }
        self.no_overload(at, "_?_:_", &[condition, yes, no])
    }

    fn list(&mut self, items: &[(Node, Presence)]) -> Type {
        let mut joined: Option<Type> = None;
        for (node, presence) in items {
            let found = self.element(node, *presence);
            joined = Some(self.homogeneous(node, joined, found));
        }
        Type::list(joined.unwrap_or(Type::Dyn))
    }

    /// The type of an item; of an optional one, what is in it.
    fn element(&mut self, node: &Node, presence: Presence) -> Type {
        match (self.node(node), presence) {
            (Type::Optional(inner), Presence::Optional) => (*inner).clone(),
            (Type::Dyn, _) => Type::Dyn,
            (other, Presence::Optional) => self.wrong(
                node.at,
                format!("expected type 'optional_type({other})' but found '{other}'"),
            ),
            (other, _) => other,
        }
    }

    fn homogeneous(&mut self, node: &Node, joined: Option<Type>, found: Type) -> Type {
        let Some(before) = joined else { return found };
        join(&before, &found).unwrap_or_else(|| {
            self.wrong(
                node.at,
                format!("expected type '{before}' but found '{found}'"),
            )
        })
    }

    fn map(&mut self, entries: &[(Node, Node, Presence)]) -> Type {
        let (mut keys, mut values) = (None, None);
        for (key, value, presence) in entries {
            let found = self.node(key);
            keys = Some(self.homogeneous(key, keys, found));
            let found = self.element(value, *presence);
            values = Some(self.homogeneous(value, values, found));
        }
        Type::Map(
            Arc::new(keys.unwrap_or(Type::Dyn)),
            Arc::new(values.unwrap_or(Type::Dyn)),
        )
    }

    fn structure(&mut self, at: usize, name: &str, fields: &[(Arc<str>, Node, Presence)]) -> Type {
        let patch = name == "JSONPatch";
        let known = patch || name == "Object" || name.starts_with("Object.");
        if !self.environment.patches || !known {
            return self.wrong(
                at,
                format!("undeclared reference to '{name}' (in container '')"),
            );
        }
        for (field, node, presence) in fields {
            if patch && !matches!(field.as_ref(), "op" | "path" | "from" | "value") {
                self.wrong(node.at, format!("undefined field '{field}'"));
            }
            self.element(node, *presence);
        }
        Type::Dyn
    }

    /// Compiles a regular expression that stands in the text.
    fn pattern(&mut self, node: &Node) {
        if let Part::Literal(Value::String(text)) = &node.part {
            match library::regex(text) {
                Ok(pattern) => drop(self.patterns.insert(text.to_string(), pattern)),
                Err(message) => {
                    drop(self.wrong(node.at, format!("invalid matches argument: {message}")));
                }
            }
        }
    }
}

fn optional(of: Type) -> Type {
    match of {
        Type::Optional(_) => of,
        other => Type::optional(other),
    }
}

/// A type that both fit.
fn join(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (Type::Null, other) | (other, Type::Null) if left.accepts(right) => Some(other.clone()),
        (Type::List(a, kind), Type::List(b, _)) => {
            Some(Type::List(Arc::new(join(a, b)?), kind.clone()))
        }
        (Type::Map(a, b), Type::Map(c, d)) => {
            Some(Type::Map(Arc::new(join(a, c)?), Arc::new(join(b, d)?)))
        }
        (Type::Optional(a), Type::Optional(b)) => Some(Type::optional(join(a, b)?)),
        (Type::Dyn, _) | (_, Type::Dyn) => Some(Type::Dyn),
        _ if left == right => Some(left.clone()),
        (Type::Object(_) | Type::Map(..), Type::Object(_) | Type::Map(..)) => Some(Type::Dyn),
        _ => None,
    }
}

fn literal(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::List(_) => Type::List(Arc::new(Type::Dyn), ListKind::Atomic),
        _ => Type::Dyn,
    }
}
