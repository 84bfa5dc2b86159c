//! Evaluation.

use std::sync::Arc;

use super::budget::Budget;
use super::check::TYPES;
use super::compare::deep_weight;
use super::environment::{Bindings, Program};
use super::error::Error;
use super::field;
use super::library::{self, Scratch};
use super::signature::Cost;
use super::syntax::{Node, Part, Presence, Style, Wrapping};
use super::value::{Map, MapKey, Value};

/// The value of a program.
pub(super) fn evaluate(
    program: &Program,
    bindings: &Bindings<'_>,
    budget: &mut Budget,
) -> Result<Value, Error> {
    let mut evaluator = Evaluator {
        scratch: Scratch::new(&program.patterns),
        bindings,
        budget,
        locals: Vec::new(),
    };
    evaluator.value(&program.root)
}

pub(super) struct Evaluator<'a> {
    scratch: Scratch<'a>,
    bindings: &'a Bindings<'a>,
    pub(super) budget: &'a mut Budget,
    pub(super) locals: Vec<(Arc<str>, Value)>,
}

pub(super) type Outcome = Result<Value, Error>;

pub(super) fn failed(at: usize, message: impl Into<String>) -> Error {
    Error::Evaluate {
        at,
        message: message.into(),
    }
}

impl Evaluator<'_> {
    pub(super) fn value(&mut self, node: &Node) -> Outcome {
        let at = node.at;
        match &node.part {
            Part::Literal(value) => Ok(value.clone()),
            Part::Name(name) => self.name(at, name),
            Part::Select {
                operand,
                field,
                presence,
            } => self.selection(at, operand, field, *presence),
            Part::Index {
                operand,
                index,
                presence,
            } => {
                let operand = self.value(operand)?;
                let index = self.value(index)?;
                self.budget.spend(1)?;
                indexed(at, &operand, &index, *presence)
            }
            Part::Call {
                function,
                style,
                arguments,
            } => self.call(at, function, *style, arguments),
            Part::And(nodes) => self.logic(nodes, false),
            Part::Or(nodes) => self.logic(nodes, true),
            Part::If(parts) => {
                let [condition, yes, no] = parts.as_ref();
                match self.value(condition)? {
                    Value::Bool(true) => self.value(yes),
                    Value::Bool(false) => self.value(no),
                    _ => Err(failed(at, "no such overload")),
                }
            }
            Part::List(items) => self.list(items),
            Part::Map(entries) => self.map(at, entries),
            Part::Struct { fields, .. } => self.structure(fields),
            Part::Fold(fold) => self.fold(at, fold),
            Part::Bind { name, value, body } => {
                let value = self.value(value)?;
                self.with(name, value, body)
            }
            Part::Unwrap {
                name,
                value,
                body,
                result,
            } => match self.value(value)? {
                Value::Optional(Some(inner)) => {
                    let value = self.with(name, (*inner).clone(), body)?;
                    Ok(if *result == Wrapping::Wrap {
                        Value::some(value)
                    } else {
                        value
                    })
                }
                Value::Optional(None) => Ok(Value::NONE),
                _ => Err(failed(at, "no such overload")),
            },
        }
    }

    fn with(&mut self, name: &Arc<str>, value: Value, body: &Node) -> Outcome {
        self.locals.push((Arc::clone(name), value));
        let outcome = self.value(body);
        self.locals.pop();
        outcome
    }

    fn local(&self, name: &str) -> Option<&Value> {
        let mut locals = self.locals.iter().rev();
        locals
            .find(|(known, _)| known.as_ref() == name)
            .map(|(_, value)| value)
    }

    fn name(&mut self, at: usize, name: &Arc<str>) -> Outcome {
        self.budget.spend(1)?;
        if let Some(value) = self
            .local(name)
            .or_else(|| self.bindings.values.get(name.as_ref()))
        {
            return Ok(value.clone());
        }
        if TYPES.contains(&name.as_ref()) {
            return Ok(Value::Type(Arc::clone(name)));
        }
        Err(failed(at, format!("no such attribute(s): {name}")))
    }

    fn selection(
        &mut self,
        at: usize,
        operand: &Node,
        field: &Arc<str>,
        presence: Presence,
    ) -> Outcome {
        if let Part::Name(root) = &operand.part
            && self.local(root).is_none()
            && let Some(program) = self
                .bindings
                .composed
                .get(root.as_ref())
                .and_then(|fields| fields.get(field.as_ref()))
        {
            self.budget.spend(1)?;
            let value = self.composed(root, field, program)?;
            return Ok(match presence {
                Presence::Plain => value,
                Presence::Optional => Value::some(value),
                Presence::Test => Value::Bool(true),
            });
        }
        let operand = self.value(operand)?;
        self.budget.spend(1)?;
        selected(at, &operand, field, presence)
    }

    fn composed(&mut self, root: &str, field: &str, program: &Program) -> Outcome {
        let key = (root.to_owned(), field.to_owned());
        if let Some(known) = self.bindings.known.borrow().get(&key) {
            return known.clone();
        }
        let outcome = evaluate(program, self.bindings, self.budget).map_err(|error| match error {
            Error::Evaluate { at, message } => failed(
                at,
                format!("composited variable {field:?} fails to evaluate: {message}"),
            ),
            other => other,
        });
        self.bindings
            .known
            .borrow_mut()
            .insert(key, outcome.clone());
        outcome
    }

    fn call(&mut self, at: usize, function: &str, style: Style, arguments: &[Node]) -> Outcome {
        let mut values = Vec::with_capacity(arguments.len());
        for node in arguments {
            values.push(self.value(node)?);
            // `a.or(b)` and `a.orValue(b)` need `b` only where there is no `a`.
            if style == Style::Method && matches!(function, "or" | "orValue") && values.len() == 1 {
                match (&values[0], function) {
                    (Value::Optional(Some(_)), "or") => return Ok(values.remove(0)),
                    (Value::Optional(Some(inner)), _) => return Ok((**inner).clone()),
                    _ => {}
                }
            }
        }
        let overloads = library::overloads(function, style);
        let fits = |overload: &&&super::signature::Overload| {
            overload.parameters.len() == values.len()
                && overload
                    .parameters
                    .iter()
                    .zip(&values)
                    .all(|(sort, value)| sort.fits(value))
        };
        let Some(overload) = overloads.iter().find(fits) else {
            return Err(failed(at, "no such overload"));
        };
        let cost = match overload.cost {
            Cost::Constant => 0,
            Cost::Sum => values.iter().map(Value::weight).sum(),
            Cost::Product => values.iter().map(|value| 1 + value.weight()).product(),
            Cost::Deep => values.iter().map(deep_weight).sum(),
            Cost::Fixed(cost) => cost,
        };
        self.budget.spend(1 + cost)?;
        (overload.call)(&mut self.scratch, &values).map_err(|message| failed(at, message))
    }

    /// `&&` and `||`: an operand that decides does so even where another fails.
    fn logic(&mut self, nodes: &[Node], decides: bool) -> Outcome {
        let mut failure = None;
        for node in nodes {
            match self.value(node) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => failure = failure.or(Some(failed(node.at, "no such overload"))),
                Err(Error::OutOfBudget) => return Err(Error::OutOfBudget),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Value::Bool(!decides)), Err)
    }

    /// The value of an item; `None` for an optional one that is absent.
    fn element(&mut self, node: &Node, presence: Presence) -> Result<Option<Value>, Error> {
        match (self.value(node)?, presence) {
            (Value::Optional(inner), Presence::Optional) => Ok(inner.map(|inner| (*inner).clone())),
            (_, Presence::Optional) => Err(failed(node.at, "no such overload")),
            (value, _) => Ok(Some(value)),
        }
    }

    fn list(&mut self, items: &[(Node, Presence)]) -> Outcome {
        self.budget.spend(10)?;
        let mut values = Vec::with_capacity(items.len());
        for (node, presence) in items {
            values.extend(self.element(node, *presence)?);
        }
        Ok(values.into())
    }

    fn map(&mut self, at: usize, entries: &[(Node, Node, Presence)]) -> Outcome {
        self.budget.spend(30)?;
        let mut map = Map::new();
        for (key, node, presence) in entries {
            let key = self.value(key)?;
            let key = MapKey::of(&key)
                .ok_or_else(|| failed(at, format!("unsupported key type: {}", key.type_name())))?;
            let Some(value) = self.element(node, *presence)? else {
                continue;
            };
            if map.contains_key(&key) {
                return Err(failed(
                    at,
                    format!("Failed with repeated key {}", key.text()),
                ));
            }
            map.insert(key, value);
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn structure(&mut self, fields: &[(Arc<str>, Node, Presence)]) -> Outcome {
        self.budget.spend(40)?;
        let mut map = Map::new();
        for (name, node, presence) in fields {
            if let Some(value) = self.element(node, *presence)? {
                map.insert(MapKey::String(field::unescape(name).as_ref().into()), value);
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }
}

fn selected(at: usize, operand: &Value, field: &Arc<str>, presence: Presence) -> Outcome {
    let (operand, through) = match operand {
        Value::Optional(Some(inner)) => (inner.as_ref(), true),
        Value::Optional(None) if presence == Presence::Test => return Ok(Value::Bool(false)),
        Value::Optional(None) => return Ok(Value::NONE),
        other => (other, false),
    };
    if let Value::Authorization(step) = operand {
        return step.select(field).map_err(|message| failed(at, message));
    }
    let found = match operand {
        Value::Map(map) => {
            map.get(&MapKey::String(Arc::clone(field)))
                .or_else(|| match field::unescape(field) {
                    std::borrow::Cow::Owned(name) => map.get(&MapKey::String(name.into())),
                    std::borrow::Cow::Borrowed(name) if name != field.as_ref() => {
                        map.get(&MapKey::String(name.into()))
                    }
                    std::borrow::Cow::Borrowed(_) => None,
                })
        }
        _ if presence == Presence::Optional => None,
        _ => return Err(failed(at, "no such overload")),
    };
    match (presence, found) {
        (Presence::Test, found) => Ok(Value::Bool(found.is_some())),
        (Presence::Plain, Some(value)) if !through => Ok(value.clone()),
        (_, Some(value @ Value::Optional(_))) => Ok(value.clone()),
        (_, Some(value)) => Ok(Value::some(value.clone())),
        (Presence::Plain, None) if !through => Err(failed(at, format!("no such key: {field}"))),
        (_, None) => Ok(Value::NONE),
    }
}

fn indexed(at: usize, operand: &Value, index: &Value, presence: Presence) -> Outcome {
    let (operand, through) = match operand {
        Value::Optional(Some(inner)) => (inner.as_ref(), true),
        Value::Optional(None) => return Ok(Value::NONE),
        other => (other, presence == Presence::Optional),
    };
    let found = match (operand, MapKey::of(index)) {
        (Value::List(list), Some(MapKey::Int(position))) => {
            let found = usize::try_from(position)
                .ok()
                .and_then(|position| list.items.get(position));
            found.ok_or_else(|| format!("index out of bounds: {position}"))
        }
        (Value::Map(map), Some(key)) => map
            .get(&key)
            .ok_or_else(|| format!("no such key: {}", key.text())),
        _ => return Err(failed(at, "no such overload")),
    };
    match (found, through) {
        (Ok(value), false) | (Ok(value @ Value::Optional(_)), true) => Ok(value.clone()),
        (Ok(value), true) => Ok(Value::some(value.clone())),
        (Err(_), true) => Ok(Value::NONE),
        (Err(message), false) => Err(failed(at, message)),
    }
}
