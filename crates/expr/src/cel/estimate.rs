//! What an expression may cost at worst, found without evaluating it: upstream refuses definitions whose rules
//! could cost too much.
//!
//! ```text
//!   schema ──▶ Declared: how large each value may be ─┐
//!                                                     ▼
//!   text ──▶ parse ──▶ check (types) ──▶ walk: cost, and the size of each value
//! ```
//!
//! The figures are those of cel-go 0.26 (`checker/cost.go`) and kubernetes 1.34 (`apiserver/pkg/cel/library/cost.go`), also where
//! they seem odd: a definition that is accepted there must be accepted here, and one that is refused there refused here.

mod call;
mod declared;
mod fold;
mod size;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use declared::Declared;
use size::Size;

use super::environment::Environment;
use super::error::Error;
use super::syntax::{Node, Part, Presence, Wrapping};
use super::types::Type;
use super::value::Value;
use super::{check, parse};

/// The price of a name or a selection.
const ACCESS: u64 = 1;
/// The price of a new list.
const LIST: u64 = 10;
/// The price of a new map.
const MAP: u64 = 30;
/// The price of a new object.
const OBJECT: u64 = 40;

impl Environment {
    /// What an expression costs at most if its variables are as large as `declared` allows.
    ///
    /// # Errors
    /// As [`Environment::compile`].
    pub fn worst_cost(&self, text: &str, declared: &Declared) -> Result<u64, Error> {
        let root = parse::parse(text).map_err(|issue| Error::Compile(vec![issue]))?;
        let types = check::types(self, text, &root).map_err(Error::Compile)?;
        let mut walk = Walk {
            types,
            declared,
            locals: Vec::new(),
        };
        Ok(walk.node(&root).cost)
    }
}

/// What is known of the value of a node, and of what it takes to get there.
#[derive(Debug, Clone, Default)]
struct Found {
    cost: u64,
    /// Its length; absent where nothing bounds it.
    size: Option<Size>,
    /// The lengths of what is in it, where the expression itself made it.
    entry: Option<Entry>,
    /// The steps from a variable to it; empty where it was made by the expression.
    path: Vec<Arc<str>>,
    of: Option<Type>,
}

/// The lengths of what is in a list or map that an expression makes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    list: bool,
    key: Size,
    value: Size,
}

impl Entry {
    fn union(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        let (left, right) = (left?, right?);
        Some(Self {
            list: left.list,
            key: left.key.union(right.key),
            value: left.value.union(right.value),
        })
    }
}

/// A variable that the expression itself declares.
#[derive(Debug, Clone)]
struct Local {
    name: Arc<str>,
    path: Vec<Arc<str>>,
    size: Option<Size>,
    entry: Option<Entry>,
}

struct Walk<'a> {
    types: BTreeMap<u32, Type>,
    declared: &'a Declared,
    locals: Vec<Local>,
}

impl Found {
    fn size_or_unknown(&self) -> Size {
        self.size.unwrap_or(Size::UNKNOWN)
    }

    fn is(&self, wanted: &Type) -> bool {
        self.of.as_ref() == Some(wanted)
    }

    fn is_list(&self) -> bool {
        matches!(self.of, Some(Type::List(..)))
    }

    fn is_dyn(&self) -> bool {
        matches!(self.of, Some(Type::Dyn) | None)
    }
}

/// Whether values of the type are of one size.
fn is_scalar(of: &Type) -> bool {
    match of {
        Type::Bool | Type::Double | Type::Duration | Type::Int | Type::Timestamp | Type::Uint => {
            true
        }
        Type::Optional(inner) => is_scalar(inner),
        _ => false,
    }
}

fn below(path: &[Arc<str>], step: &str) -> Vec<Arc<str>> {
    let mut path = path.to_vec();
    path.push(step.into());
    path
}

fn sum(found: &[Found]) -> u64 {
    let costs = found.iter().map(|found| found.cost);
    costs.fold(0, u64::saturating_add)
}

impl Walk<'_> {
    fn node(&mut self, node: &Node) -> Found {
        let mut found = self.part(node);
        found.of = self.types.get(&node.id).cloned();
        if found.size.is_none() {
            found.size = self.known_size(&found, &node.part);
        }
        found
    }

    /// The size of a value whose expression does not say it.
    fn known_size(&self, found: &Found, part: &Part) -> Option<Size> {
        let declared = self.declared.size(&found.path);
        let scalar = || {
            let scalar = found.of.as_ref().is_some_and(is_scalar);
            scalar.then_some(Size::ONE)
        };
        let local = || match part {
            Part::Name(name) => self.local(name)?.size,
            _ => None,
        };
        declared.or_else(scalar).or_else(local)
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| &*local.name == name)
    }

    fn part(&mut self, node: &Node) -> Found {
        match &node.part {
            Part::Literal(value) => literal(value),
            Part::Name(name) => self.name(name),
            Part::Select {
                operand,
                field,
                presence,
            } => self.select(operand, field, *presence),
            Part::Index {
                operand,
                index,
                presence,
            } => self.index(operand, index, *presence),
            Part::Call {
                function,
                style,
                arguments,
            } => self.call(function, *style, arguments),
            Part::And(nodes) | Part::Or(nodes) => {
                let found: Vec<Found> = nodes.iter().map(|node| self.node(node)).collect();
                made(sum(&found))
            }
            Part::If(parts) => self.choice(parts),
            Part::List(items) => {
                let found: Vec<Found> = items.iter().map(|(item, _)| self.node(item)).collect();
                list(&found)
            }
            Part::Map(entries) => self.map(entries),
            Part::Struct { fields, .. } => {
                let fields = fields.iter().map(|(_, node, _)| node);
                let found: Vec<Found> = fields.map(|node| self.node(node)).collect();
                made(sum(&found).saturating_add(OBJECT))
            }
            Part::Fold(fold) => self.fold(fold),
            Part::Bind { name, value, body } => {
                let value = self.node(value);
                let cost = value.cost.saturating_add(LIST);
                let body = self.with(name, value, body);
                Found {
                    cost: body.cost.saturating_add(cost),
                    path: Vec::new(),
                    ..body
                }
            }
            Part::Unwrap {
                name,
                value,
                body,
                result,
            } => self.unwrap(name, value, body, *result),
        }
    }

    /// The body, with a variable of that value.
    fn with(&mut self, name: &Arc<str>, value: Found, body: &Node) -> Found {
        self.locals.push(Local {
            name: Arc::clone(name),
            path: value.path,
            size: value.size,
            entry: value.entry,
        });
        let found = self.node(body);
        self.locals.pop();
        found
    }

    fn name(&self, name: &Arc<str>) -> Found {
        let local = self.local(name);
        Found {
            cost: ACCESS,
            path: local.map_or_else(|| vec![Arc::clone(name)], |local| local.path.clone()),
            entry: local.and_then(|local| local.entry),
            ..Found::default()
        }
    }

    fn select(&mut self, operand: &Node, field: &str, presence: Presence) -> Found {
        let operand = self.node(operand);
        let price = match (presence, &operand.of) {
            (Presence::Test, _) => return made(operand.cost),
            (Presence::Optional, _) => return made(operand.cost.saturating_add(1)),
            (_, Some(Type::Map(..) | Type::Object(_))) => ACCESS,
            _ => 0,
        };
        Found {
            cost: operand.cost.saturating_add(price),
            path: below(&operand.path, field),
            ..Found::default()
        }
    }

    fn index(&mut self, operand: &Node, index: &Node, presence: Presence) -> Found {
        let operand = self.node(operand);
        let index = self.node(index);
        let cost = operand.cost.saturating_add(index.cost).saturating_add(1);
        let through = matches!(operand.of, Some(Type::Optional(_)));
        if presence == Presence::Optional || through {
            return made(cost);
        }
        Found {
            cost,
            size: operand.entry.map(|entry| entry.value),
            path: below(&operand.path, "@items"),
            ..Found::default()
        }
    }

    fn choice(&mut self, parts: &[Node; 3]) -> Found {
        let [condition, yes, no] = parts.each_ref().map(|part| self.node(part));
        Found {
            cost: condition.cost.saturating_add(yes.cost.max(no.cost)),
            size: Some(yes.size_or_unknown().union(no.size_or_unknown())),
            entry: Entry::union(yes.entry, no.entry),
            ..Found::default()
        }
    }

    fn map(&mut self, entries: &[(Node, Node, Presence)]) -> Found {
        let keys: Vec<Found> = entries.iter().map(|(key, ..)| self.node(key)).collect();
        let values: Vec<Found> = entries.iter().map(|(_, it, _)| self.node(it)).collect();
        Found {
            cost: sum(&keys).saturating_add(sum(&values)).saturating_add(MAP),
            size: Some(Size::fixed(entries.len() as u64)),
            entry: Some(Entry {
                list: false,
                key: spread(&keys),
                value: spread(&values),
            }),
            ..Found::default()
        }
    }

    /// `value.hasValue() ? optional.of(body of value.value()) : optional.none()`.
    fn unwrap(&mut self, name: &Arc<str>, value: &Node, body: &Node, result: Wrapping) -> Found {
        let value = self.node(value);
        let asked = value.cost.saturating_add(1);
        let inner = match &value.of {
            Some(Type::Optional(inner)) => is_scalar(inner),
            _ => false,
        };
        let taken = Found {
            size: inner.then_some(Size::ONE),
            ..Found::default()
        };
        let wrapping = match result {
            Wrapping::Wrap => 1,
            Wrapping::Flat => 0,
        };
        let body = self.with(name, taken, body);
        let full = body
            .cost
            .saturating_add(asked)
            .saturating_add(LIST + wrapping);
        made(asked.saturating_add(full.max(1)))
    }
}

/// A value that the expression makes and about whose size it says nothing.
fn made(cost: u64) -> Found {
    Found {
        cost,
        ..Found::default()
    }
}

/// A new list of these.
fn list(items: &[Found]) -> Found {
    Found {
        cost: sum(items).saturating_add(LIST),
        size: Some(Size::fixed(items.len() as u64)),
        entry: Some(Entry {
            list: true,
            key: Size::ONE,
            value: spread(items),
        }),
        ..Found::default()
    }
}

/// The sizes of all of them.
fn spread(found: &[Found]) -> Size {
    let sizes = found.iter().map(Found::size_or_unknown);
    sizes.reduce(Size::union).unwrap_or(Size::fixed(0))
}

fn literal(value: &Value) -> Found {
    let size = match value {
        Value::String(text) => text.chars().count() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        _ => 1,
    };
    Found {
        size: Some(Size::fixed(size)),
        ..Found::default()
    }
}

#[cfg(test)]
mod tests;
