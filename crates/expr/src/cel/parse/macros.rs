//! The macros: calls whose arguments are not values.

use std::sync::Arc;

use super::{Parsed, Parser};
use crate::cel::error::Issue;
use crate::cel::syntax::{Fold, Goal, Node, Part, Presence, Wrapping};

/// Whether a method of this name and number of arguments is a macro.
pub(super) fn is_macro(name: &str, arguments: usize) -> bool {
    matches!(
        (name, arguments),
        ("all" | "exists" | "exists_one" | "existsOne" | "map", 2 | 3)
            | ("filter" | "optMap" | "optFlatMap", 2)
            | (
                "transformList" | "transformMap" | "transformMapEntry",
                3 | 4
            )
    )
}

impl Parser<'_> {
    pub(super) fn has(&self, at: usize, mut arguments: Vec<Node>) -> Parsed {
        let selection = match arguments.as_mut_slice() {
            [_] => arguments.pop(),
            _ => None,
        };
        match selection {
            Some(Node {
                height,
                part:
                    Part::Select {
                        operand,
                        field,
                        presence: Presence::Plain,
                    },
                ..
            }) => {
                let presence = Presence::Test;
                self.sized(
                    at,
                    Part::Select {
                        operand,
                        field,
                        presence,
                    },
                    height,
                )
            }
            _ => Err(self.issue(at, "invalid argument to has() macro")),
        }
    }

    pub(super) fn bind(&self, at: usize, arguments: Vec<Node>) -> Parsed {
        let Ok([name, value, body]) = <[Node; 3]>::try_from(arguments) else {
            return Err(self.issue(at, "cel.bind() takes a name, a value and an expression"));
        };
        let height = 1 + value.height.max(body.height);
        let name = self.variable(&name)?;
        let (value, body) = (Box::new(value), Box::new(body));
        self.sized(at, Part::Bind { name, value, body }, height)
    }

    pub(super) fn macro_call(
        &self,
        at: usize,
        target: Node,
        name: &str,
        arguments: Vec<Node>,
    ) -> Parsed {
        let below = arguments
            .iter()
            .chain([&target])
            .map(|node| node.height + 1);
        let height = below.max().unwrap_or_default();
        let mut arguments = arguments.into_iter();
        let first = match arguments.next() {
            Some(name) => self.variable(&name)?,
            None => return Err(self.issue(at, "a macro without a variable")),
        };
        let mut rest: Vec<Node> = arguments.collect();
        let body = rest.pop();
        if let ("optMap" | "optFlatMap", Some(body)) = (name, &body) {
            let result = if name == "optMap" {
                Wrapping::Wrap
            } else {
                Wrapping::Flat
            };
            let (value, body) = (Box::new(target), Box::new(body.clone()));
            return self.sized(
                at,
                Part::Unwrap {
                    name: first,
                    value,
                    body,
                    result,
                },
                height,
            );
        }
        let goal = match name {
            "all" => Goal::All,
            "exists" => Goal::Exists,
            "exists_one" | "existsOne" => Goal::ExistsOne,
            "transformMap" => Goal::Map,
            "transformMapEntry" => Goal::Entries,
            _ => Goal::List,
        };
        let mut rest = rest.into_iter();
        let two = !matches!(name, "map" | "filter");
        let second = match rest.len() {
            1 | 2 if two => rest.next().map(|name| self.variable(&name)).transpose()?,
            _ => None,
        };
        if second.as_ref() == Some(&first) {
            return Err(self.issue(at, format!("duplicate variable name: {first}")));
        }
        let mut fold = Fold {
            goal,
            range: target,
            first,
            second,
            filter: rest.next(),
            body,
        };
        if name == "filter" {
            fold.filter = fold.body.take();
        }
        self.sized(at, Part::Fold(Box::new(fold)), height)
    }

    /// The name of a macro's variable.
    fn variable(&self, node: &Node) -> Result<Arc<str>, Issue> {
        match &node.part {
            Part::Name(name) => Ok(Arc::clone(name)),
            _ => Err(self.issue(node.at, "argument must be a simple name")),
        }
    }
}
