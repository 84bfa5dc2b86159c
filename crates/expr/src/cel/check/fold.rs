//! The macros over lists and maps.

use std::sync::Arc;

use super::Checker;
use crate::cel::syntax::{Fold, Goal, Node};
use crate::cel::types::Type;

impl Checker<'_> {
    pub(super) fn fold(&mut self, at: usize, fold: &Fold) -> Type {
        let range = self.node(&fold.range);
        let (keys, items) = match &range {
            Type::List(items, _) => (Type::Int, (**items).clone()),
            Type::Map(keys, values) => ((**keys).clone(), (**values).clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                (self.wrong(fold.range.at, message), Type::Dyn)
            }
        };
        let depth = self.scopes.len();
        let single = if matches!(range, Type::Map(..)) {
            keys.clone()
        } else {
            items.clone()
        };
        match &fold.second {
            Some(second) => {
                self.scopes.push((Arc::clone(&fold.first), keys.clone()));
                self.scopes.push((Arc::clone(second), items));
            }
            None => self.scopes.push((Arc::clone(&fold.first), single.clone())),
        }
        if let Some(filter) = &fold.filter {
            self.predicate(at, filter);
        }
        let result = match (fold.goal, &fold.body) {
            (Goal::All | Goal::Exists | Goal::ExistsOne, Some(body)) => {
                self.predicate(at, body);
                Type::Bool
            }
            (Goal::List, Some(body)) => Type::list(self.node(body)),
            (Goal::Map, Some(body)) => Type::Map(Arc::new(keys), Arc::new(self.node(body))),
            (Goal::Entries, Some(body)) => self.node(body),
            (_, None) => Type::list(single),
        };
        self.scopes.truncate(depth);
        result
    }

    fn predicate(&mut self, at: usize, node: &Node) {
        let found = self.node(node);
        if !Type::Bool.accepts(&found) {
            self.wrong(at, format!("expected type 'bool' but found '{found}'"));
        }
    }
}
