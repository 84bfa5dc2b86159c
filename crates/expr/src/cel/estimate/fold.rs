//! The macros over lists and maps, as loops: what begins, what each round costs, what ends.

use std::sync::Arc;

use super::{ACCESS, Entry, Found, LIST, Local, MAP, Walk, below, list};
use crate::cel::syntax::{Fold, Goal};
use crate::cel::types::Type;

/// The price of asking whether a loop may end.
const MAY_END: u64 = 2;

impl Walk<'_> {
    pub(super) fn fold(&mut self, fold: &Fold) -> Found {
        let range = self.node(&fold.range);
        let depth = self.locals.len();
        self.declare(fold, &range);
        let filter = fold.filter.as_ref().map(|filter| self.node(filter));
        let body = match &fold.body {
            Some(body) => self.node(body),
            // The item stays as it is.
            None => self.kept(&fold.first),
        };
        self.locals.truncate(depth);
        let (begin, step, end) = prices(fold.goal, &body);
        // Where an item does not count, what was gathered so far is named.
        let step = filter.map_or(step, |filter| step.saturating_add(filter.cost));
        let rounds = range.size_or_unknown();
        let cost = rounds
            .most
            .saturating_mul(step)
            .saturating_add(range.cost)
            .saturating_add(begin + end);
        let gathers = matches!(fold.goal, Goal::List | Goal::Map | Goal::Entries);
        let entry = (fold.goal == Goal::List)
            .then(|| Entry::union(list(&[]).entry, list(&[body]).entry))
            .flatten();
        Found {
            cost,
            size: gathers.then_some(rounds),
            entry,
            ..Found::default()
        }
    }

    fn kept(&self, name: &Arc<str>) -> Found {
        let mut found = self.name(name);
        found.size = self
            .declared
            .size(&found.path)
            .or_else(|| self.local(name)?.size);
        found
    }

    fn declare(&mut self, fold: &Fold, range: &Found) {
        let is_list = match range.entry {
            Some(Entry { list, .. }) => list,
            None => range.is_list(),
        };
        let variable = |name: &Arc<str>, step: &str, size| Local {
            name: Arc::clone(name),
            path: below(&range.path, step),
            size,
            entry: None,
        };
        let key = range.entry.map(|entry| entry.key);
        let value = range.entry.map(|entry| entry.value);
        let (keys, values) = if is_list {
            ("@indices", "@items")
        } else {
            ("@keys", "@values")
        };
        match &fold.second {
            Some(second) => {
                self.locals.push(variable(&fold.first, keys, key));
                self.locals.push(variable(second, values, value));
            }
            None if is_list => self.locals.push(variable(&fold.first, values, value)),
            None => self.locals.push(variable(&fold.first, keys, key)),
        }
    }
}

/// What it costs to begin, each round, and to end.
fn prices(goal: Goal, body: &Found) -> (u64, u64, u64) {
    let body = body.cost;
    match goal {
        // `may_end(so_far)`, `so_far && body`.
        Goal::All => (0, body.saturating_add(MAY_END + ACCESS), ACCESS),
        // `may_end(!so_far)`, `so_far || body`.
        Goal::Exists => (0, body.saturating_add(MAY_END + 1 + ACCESS), ACCESS),
        // `body ? so_far + 1 : so_far`, and in the end `so_far == 1`.
        Goal::ExistsOne => (0, body.saturating_add(1 + ACCESS), 1 + ACCESS),
        // `so_far + [body]`.
        Goal::List => (LIST, body.saturating_add(1 + ACCESS + LIST), ACCESS),
        // `insert(so_far, key, body)`.
        Goal::Map => (MAP, body.saturating_add(1 + ACCESS + ACCESS), ACCESS),
        Goal::Entries => (MAP, body.saturating_add(1 + ACCESS), ACCESS),
    }
}

/// Whether the items of a list of this type are texts or bytes.
pub(super) fn holds_text(of: Option<&Type>) -> Option<bool> {
    match of {
        Some(Type::List(items, _) | Type::Optional(items)) => {
            Some(matches!(**items, Type::String | Type::Bytes))
        }
        Some(Type::Map(keys, _)) => Some(matches!(**keys, Type::String | Type::Bytes)),
        _ => None,
    }
}
