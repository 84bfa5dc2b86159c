//! Evaluation of the macros over lists and maps.

use std::sync::Arc;

use super::error::Error;
use super::evaluate::{Evaluator, Outcome, failed};
use super::syntax::{Fold, Goal, Node};
use super::value::{Map, MapKey, Value};

/// An item: its index or key, and its value.
type Item = (Value, Value);

impl Evaluator<'_> {
    pub(super) fn fold(&mut self, at: usize, fold: &Fold) -> Outcome {
        let range = self.value(&fold.range)?;
        let items: Vec<Item> = match &range {
            Value::List(list) => (0..)
                .map(Value::Int)
                .zip(list.items.iter().cloned())
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| (key.value(), value.clone()))
                .collect(),
            _ => return Err(failed(at, "no such overload")),
        };
        let keys_first = fold.second.is_some() || matches!(range, Value::Map(_));
        match (fold.goal, &fold.body) {
            (Goal::All, Some(body)) => self.any(fold, body, &items, keys_first, false),
            (Goal::Exists, Some(body)) => self.any(fold, body, &items, keys_first, true),
            (Goal::ExistsOne, Some(body)) => self.one(fold, body, &items, keys_first),
            _ => self.collect(at, fold, &items, keys_first),
        }
    }

    /// Evaluates `body` with the variables of one item.
    fn with_item(
        &mut self,
        fold: &Fold,
        body: &Node,
        (key, value): &Item,
        keys_first: bool,
    ) -> Outcome {
        // Upstream charges each round for the loop's own condition and step.
        self.budget.spend(2)?;
        let depth = self.locals.len();
        let first = if keys_first { key } else { value };
        self.locals.push((Arc::clone(&fold.first), first.clone()));
        if let Some(second) = &fold.second {
            self.locals.push((Arc::clone(second), value.clone()));
        }
        let outcome = self.value(body);
        self.locals.truncate(depth);
        outcome
    }

    /// Whether some item decides; an item that fails matters only where none does.
    fn any(
        &mut self,
        fold: &Fold,
        body: &Node,
        items: &[Item],
        keys_first: bool,
        decides: bool,
    ) -> Outcome {
        let mut failure = None;
        for item in items {
            match self.with_item(fold, body, item, keys_first) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => failure = failure.or(Some(failed(body.at, "no such overload"))),
                Err(Error::OutOfBudget) => return Err(Error::OutOfBudget),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn one(&mut self, fold: &Fold, body: &Node, items: &[Item], keys_first: bool) -> Outcome {
        let mut count = 0;
        for item in items {
            match self.with_item(fold, body, item, keys_first)? {
                Value::Bool(true) => count += 1,
                Value::Bool(false) => {}
                _ => return Err(failed(body.at, "no such overload")),
            }
        }
        Ok(Value::Bool(count == 1))
    }

    fn collect(&mut self, at: usize, fold: &Fold, items: &[Item], keys_first: bool) -> Outcome {
        let (mut list, mut map) = (Vec::new(), Map::new());
        for item in items {
            if let Some(filter) = &fold.filter {
                match self.with_item(fold, filter, item, keys_first)? {
                    Value::Bool(true) => {}
                    Value::Bool(false) => continue,
                    _ => return Err(failed(filter.at, "no such overload")),
                }
            }
            let value = match &fold.body {
                Some(body) => self.with_item(fold, body, item, keys_first)?,
                None if keys_first => item.0.clone(),
                None => item.1.clone(),
            };
            match fold.goal {
                Goal::Map => {
                    let key =
                        MapKey::of(&item.0).ok_or_else(|| failed(at, "unsupported key type"))?;
                    map.insert(key, value);
                }
                Goal::Entries => merge(at, &mut map, &value)?,
                _ => list.push(value),
            }
        }
        Ok(match fold.goal {
            Goal::Map | Goal::Entries => Value::Map(Arc::new(map)),
            _ => list.into(),
        })
    }
}

fn merge(at: usize, map: &mut Map, value: &Value) -> Result<(), Error> {
    let Value::Map(entries) = value else {
        return Err(failed(at, "no such overload"));
    };
    for (key, value) in entries.iter() {
        if map.insert(key.clone(), value.clone()).is_some() {
            return Err(failed(
                at,
                format!("insert failed: key {} already exists", key.text()),
            ));
        }
    }
    Ok(())
}
