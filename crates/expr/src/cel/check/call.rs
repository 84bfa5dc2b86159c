//! Which overload a call means.

use std::sync::Arc;

use super::Checker;
use crate::cel::library;
use crate::cel::signature::Overload;
use crate::cel::syntax::{Node, Part, Style};
use crate::cel::types::Type;

/// What the type parameters of a signature stand for.
#[derive(Default, Clone)]
struct Meaning([Option<Type>; 2]);

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        at: usize,
        function: &Arc<str>,
        style: Style,
        arguments: &[Node],
    ) -> Type {
        let found: Vec<Type> = arguments
            .iter()
            .map(|node| self.argument(function, node))
            .collect();
        if let ("matches" | "find" | "findAll", Some(pattern)) =
            (function.as_ref(), arguments.get(1))
        {
            self.pattern(pattern);
        }
        let overloads = library::overloads(function, style);
        if overloads.is_empty() {
            return self.wrong(
                at,
                format!("undeclared reference to '{function}' (in container '')"),
            );
        }
        let mut results = overloads
            .iter()
            .filter_map(|overload| result(overload, &found));
        let Some(first) = results.next() else {
            return self.none_fits(at, function, style, &found);
        };
        // Where what is not known decides, the result is not known either.
        if results.all(|other| other == first) {
            first
        } else {
            Type::Dyn
        }
    }

    /// The list that `format` takes may hold anything; other lists hold one type.
    fn argument(&mut self, function: &str, node: &Node) -> Type {
        match &node.part {
            Part::List(items) if function == "format" => {
                for (item, presence) in items {
                    self.element(item, *presence);
                }
                Type::list(Type::Dyn)
            }
            _ => self.node(node),
        }
    }

    fn none_fits(&mut self, at: usize, function: &str, style: Style, found: &[Type]) -> Type {
        match (style, found.split_first()) {
            (Style::Method, Some((target, rest))) => {
                let rest: Vec<String> = rest.iter().map(Type::to_string).collect();
                let applied = format!("{target}.({})", rest.join(", "));
                self.wrong(
                    at,
                    format!("found no matching overload for '{function}' applied to '{applied}'"),
                )
            }
            _ => self.no_overload(at, function, found),
        }
    }
}

/// The type of the result, if the overload takes these arguments.
fn result(overload: &Overload, found: &[Type]) -> Option<Type> {
    if overload.parameters.len() != found.len() {
        return None;
    }
    let mut meaning = Meaning::default();
    let mut pairs = overload.parameters.iter().zip(found);
    pairs
        .all(|(expected, found)| meaning.takes(&expected.of(), found))
        .then(|| meaning.resolve(&overload.result.of()))
}

impl Meaning {
    fn takes(&mut self, expected: &Type, found: &Type) -> bool {
        match (expected, found) {
            (Type::Parameter(number), found) => self.bind(usize::from(*number), found),
            (_, Type::Dyn) => true,
            (Type::List(a, _), Type::List(b, _)) | (Type::Optional(a), Type::Optional(b)) => {
                self.takes(a, b)
            }
            (Type::Map(a, b), Type::Map(c, d)) => self.takes(a, c) && self.takes(b, d),
            (Type::Map(_, values), Type::Object(_)) => self.takes(values, &Type::Dyn),
            (expected, found) => expected.accepts(found),
        }
    }

    fn bind(&mut self, number: usize, found: &Type) -> bool {
        match &self.0[number] {
            Some(Type::Dyn | Type::Null) | None => {
                let fits = self.0[number]
                    .as_ref()
                    .is_none_or(|before| before.accepts(found));
                self.0[number] = Some(found.clone());
                fits
            }
            Some(before) => before.accepts(found) || found.accepts(before),
        }
    }

    fn resolve(&self, of: &Type) -> Type {
        match of {
            Type::Parameter(number) => self.0[usize::from(*number)].clone().unwrap_or(Type::Dyn),
            Type::List(items, kind) => Type::List(Arc::new(self.resolve(items)), kind.clone()),
            Type::Optional(inner) => Type::optional(self.resolve(inner)),
            Type::Map(keys, values) => {
                Type::Map(Arc::new(self.resolve(keys)), Arc::new(self.resolve(values)))
            }
            other => other.clone(),
        }
    }
}
