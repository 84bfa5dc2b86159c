//! From a tree to a value.

use super::parse::{Chain, Form, Node};
use super::{Error, Value, call, operate};

/// The most items that evaluation may visit or make: predicates can be nested.
const MOST_STEPS: usize = 100_000;

struct Scope<'a> {
    result: &'a Value,
    items: Vec<Value>,
    steps: usize,
}

pub(super) fn evaluate(root: &Node, result: &Value) -> Result<Value, Error> {
    Scope {
        result,
        items: Vec::new(),
        steps: 0,
    }
    .value(root)
}

fn wrong<T>(node: &Node, message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Evaluate {
        at: node.at,
        message: message.into(),
    })
}

impl Scope<'_> {
    fn value(&mut self, node: &Node) -> Result<Value, Error> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return wrong(
                node,
                format!("the evaluation takes more than {MOST_STEPS} steps"),
            );
        }
        match &node.form {
            Form::Literal(value) => Ok(value.clone()),
            Form::Result => Ok(self.result.clone()),
            Form::Item => Ok(self.items.last().cloned().unwrap_or_default()),
            Form::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.value(item)).collect();
                items.map(Value::List)
            }
            Form::Map(entries) => {
                let entries = entries.iter();
                let entries: Result<_, _> = entries
                    .map(|(key, node)| Ok((key.clone(), self.value(node)?)))
                    .collect();
                entries.map(Value::Map)
            }
            Form::Unary(name, operand) => {
                let operand = self.value(operand)?;
                operate::unary(name, &operand).or_else(|message| wrong(node, message))
            }
            Form::Binary(name, left, right) => self.binary(node, name, left, right),
            Form::Choice(condition, yes, no) => {
                let branch = if self.truth(condition)? { yes } else { no };
                self.value(branch)
            }
            Form::Index(list, index) => {
                let (list, index) = (self.value(list)?, self.value(index)?);
                at_index(&list, &index).or_else(|message| wrong(node, message))
            }
            Form::Slice(list, from, to) => self.slice(node, list, from.as_deref(), to.as_deref()),
            Form::Field(of, name, chain) => {
                let of = self.value(of)?;
                at_field(of, name, *chain).or_else(|message| wrong(node, message))
            }
            Form::Call(name, arguments) => {
                let arguments: Result<Vec<Value>, Error> = arguments
                    .iter()
                    .map(|argument| self.value(argument))
                    .collect();
                call::call(name, &arguments?).or_else(|message| wrong(node, message))
            }
            Form::Each(name, list, predicate) => self.each(node, name, list, predicate),
        }
    }

    fn truth(&mut self, node: &Node) -> Result<bool, Error> {
        match self.value(node)? {
            Value::Boolean(value) => Ok(value),
            other => wrong(
                node,
                format!("must be true or false, is {}", other.type_name()),
            ),
        }
    }

    fn binary(
        &mut self,
        node: &Node,
        name: &str,
        left: &Node,
        right: &Node,
    ) -> Result<Value, Error> {
        match name {
            "&&" | "and" => return Ok(Value::Boolean(self.truth(left)? && self.truth(right)?)),
            "||" | "or" => return Ok(Value::Boolean(self.truth(left)? || self.truth(right)?)),
            "??" => {
                return match self.value(left)? {
                    Value::Nil => self.value(right),
                    value => Ok(value),
                };
            }
            _ => {}
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        operate::binary(name, &left, &right).or_else(|message| wrong(node, message))
    }

    fn slice(
        &mut self,
        node: &Node,
        list: &Node,
        from: Option<&Node>,
        to: Option<&Node>,
    ) -> Result<Value, Error> {
        let Value::List(items) = self.value(list)? else {
            return wrong(node, "only a list can be sliced");
        };
        let mut bound = |bound: Option<&Node>, open: usize| match bound.map(|one| self.value(one)) {
            None => Ok(open),
            Some(Ok(Value::Integer(index))) => {
                let from_end = index.saturating_add(items.len() as i64);
                let index = if index < 0 { from_end } else { index };
                Ok(usize::try_from(index).unwrap_or_default().min(items.len()))
            }
            Some(Ok(other)) => wrong(
                node,
                format!("a bound must be an integer, is {}", other.type_name()),
            ),
            Some(Err(error)) => Err(error),
        };
        let (from, to) = (bound(from, 0)?, bound(to, items.len())?);
        Ok(Value::List(
            items.get(from..to).unwrap_or_default().to_vec(),
        ))
    }

    fn each(
        &mut self,
        node: &Node,
        name: &str,
        list: &Node,
        predicate: &Node,
    ) -> Result<Value, Error> {
        let items = match self.value(list)? {
            Value::List(items) => items,
            Value::Map(entries) => entries.into_values().collect(),
            other => {
                return wrong(
                    node,
                    format!("{name} needs a list, not {}", other.type_name()),
                );
            }
        };
        let mut mapped = Vec::new();
        let mut kept = Vec::new();
        for item in items {
            self.items.push(item.clone());
            let value = self.value(predicate);
            self.items.pop();
            let value = value?;
            if name != "map" {
                match value {
                    Value::Boolean(true) => kept.push(item),
                    Value::Boolean(false) => {}
                    other => {
                        let found = other.type_name();
                        return wrong(predicate, format!("must be true or false, is {found}"));
                    }
                }
            }
            mapped.push(value);
        }
        Ok(match name {
            "map" => Value::List(mapped),
            "filter" => Value::List(kept),
            "find" => kept.into_iter().next().unwrap_or_default(),
            "count" => Value::Integer(kept.len() as i64),
            "all" => Value::Boolean(kept.len() == mapped.len()),
            "any" => Value::Boolean(!kept.is_empty()),
            "none" => Value::Boolean(kept.is_empty()),
            _ => Value::Boolean(kept.len() == 1),
        })
    }
}

fn at_index(of: &Value, index: &Value) -> Result<Value, String> {
    match (of, index) {
        (Value::List(items), Value::Integer(index)) => {
            let from_end = index.saturating_add(items.len() as i64);
            let place = if *index < 0 { from_end } else { *index };
            let item = usize::try_from(place)
                .ok()
                .and_then(|place| items.get(place));
            let length = items.len();
            item.cloned()
                .ok_or_else(|| format!("index out of range: {index} (array length is {length})"))
        }
        (Value::Map(entries), Value::Text(key)) => {
            Ok(entries.get(key).cloned().unwrap_or_default())
        }
        _ => Err(format!(
            "cannot take [{}] of {}",
            index.type_name(),
            of.type_name()
        )),
    }
}

fn at_field(of: Value, name: &str, chain: Chain) -> Result<Value, String> {
    match of {
        Value::Map(mut entries) => Ok(entries.remove(name).unwrap_or_default()),
        Value::Nil if chain == Chain::Optional => Ok(Value::Nil),
        other => Err(format!(
            "cannot take the field {name:?} of {}",
            other.type_name()
        )),
    }
}
