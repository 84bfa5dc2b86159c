//! Reading a mapping strictly: known keys, their types, their expressions.

use std::collections::BTreeMap;

use super::Position;
use super::node::{Key, Node, Value};
use super::problem::Problems;
use super::types::{Data, Pairs};
use crate::expression::{self, Template};
use crate::suggest;

/// Every context: for places in which anything may be read.
pub(crate) const ANY: &[&str] = &[
    "github", "env", "vars", "secrets", "needs", "steps", "job", "matrix", "strategy", "runner",
    "inputs",
];

/// What a step's `if` may read: not `secrets`, as at GitHub (put them into `env` first).
pub(crate) const STEP_CONDITION: &[&str] = &[
    "github", "env", "vars", "needs", "steps", "job", "matrix", "strategy", "runner", "inputs",
];

/// A mapping whose keys have been checked against those that may stand there.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// Where the mapping begins.
    pub(crate) at: Position,
    entries: BTreeMap<&'a str, (&'a Key, &'a Node)>,
}

impl<'a> Fields<'a> {
    /// Reads `node` as the mapping `what` with the given keys; notes every other key.
    pub(crate) fn read(
        node: &'a Node,
        what: &str,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let entries = mapping(node, what, problems)?;
        let mut fields = Self {
            at: node.at,
            entries: BTreeMap::new(),
        };
        for (key, value) in entries {
            if known.contains(&key.name.as_str()) {
                fields.entries.insert(&key.name, (key, value));
            } else {
                let hint = suggest::hint(&key.name, known.iter().copied());
                problems.add(
                    key.at,
                    format!("unknown key `{}` in {what}{hint}", key.name),
                );
            }
        }
        Some(fields)
    }

    /// The value of a key, unless it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.get(name).map(|(_, node)| *node)
    }

    /// Where a key stands; the mapping's own place where it is absent.
    pub(crate) fn key_at(&self, name: &str) -> Position {
        self.entries.get(name).map_or(self.at, |(key, _)| key.at)
    }

    /// A scalar that must not hold expressions.
    pub(crate) fn text(&self, name: &str, problems: &mut Problems<'_>) -> Option<String> {
        scalar(self.get(name)?, name, problems)
    }

    /// A scalar that may hold expressions over the `allowed` contexts.
    pub(crate) fn template(
        &self,
        name: &str,
        allowed: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Template> {
        template(self.get(name)?, name, allowed, problems)
    }

    /// An `if`.
    pub(crate) fn condition(
        &self,
        allowed: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Template> {
        let node = self.get("if")?;
        let text = scalar(node, "if", problems)?;
        if text.trim().is_empty() {
            problems.add(
                node.at,
                "`if` is empty: write a condition or leave the key out",
            );
            return None;
        }
        read(
            Template::condition(&text, node.at),
            node.at,
            &text,
            "if",
            allowed,
            problems,
        )
    }

    /// A mapping of names to scalars with expressions, such as `env`.
    pub(crate) fn pairs(&self, name: &str, allowed: &[&str], problems: &mut Problems<'_>) -> Pairs {
        let Some(node) = self.get(name) else {
            return Pairs::new();
        };
        if node.value == Value::Null {
            return Pairs::new();
        }
        let Some(entries) = mapping(node, &format!("`{name}`"), problems) else {
            return Pairs::new();
        };
        entries
            .iter()
            .filter_map(|(key, value)| {
                let what = format!("{name}.{}", key.name);
                Some((key.name.clone(), template(value, &what, allowed, problems)?))
            })
            .collect()
    }
}

/// The entries of a mapping; notes it where `node` is something else.
pub(crate) fn mapping<'a>(
    node: &'a Node,
    what: &str,
    problems: &mut Problems<'_>,
) -> Option<&'a [(Key, Node)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        other => {
            problems.add(
                node.at,
                format!("{what} must be a mapping, not {}", other.kind()),
            );
            None
        }
    }
}

/// The text of a scalar; notes it where `node` is a list or a mapping.
pub(crate) fn scalar(node: &Node, what: &str, problems: &mut Problems<'_>) -> Option<String> {
    let text = node.value.scalar();
    if text.is_none() {
        problems.add(
            node.at,
            format!("`{what}` must be a string, not {}", node.value.kind()),
        );
    }
    text
}

/// A scalar or a list of scalars.
pub(crate) fn texts<'a>(
    node: &'a Node,
    what: &str,
    problems: &mut Problems<'_>,
) -> Vec<(String, Position)> {
    let items: &'a [Node] = match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    items
        .iter()
        .filter_map(|item| Some((scalar(item, what, problems)?, item.at)))
        .collect()
}

/// A scalar with expressions over the `allowed` contexts.
pub(crate) fn template(
    node: &Node,
    what: &str,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Template> {
    let text = scalar(node, what, problems)?;
    read(
        Template::parse(&text, node.at),
        node.at,
        &text,
        what,
        allowed,
        problems,
    )
}

fn read(
    parsed: Result<Template, expression::Error>,
    at: Position,
    text: &str,
    what: &str,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Template> {
    let template = match parsed {
        Ok(template) => template,
        Err(error) => {
            problems.expression(at, text, &error);
            return None;
        }
    };
    for expression in template.expressions() {
        if let Some(context) = expression.reads_outside(allowed) {
            let can = allowed.join(", ");
            let message = format!("`{what}` cannot read `{context}`; it can read {can}");
            problems.add(at, message);
            return None;
        }
    }
    Some(template)
}

/// Structured data with templates at its leaves.
pub(crate) fn data(
    node: &Node,
    what: &str,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Data> {
    Some(match &node.value {
        Value::Null => Data::Plain(serde_json::Value::Null),
        Value::Bool(value) => Data::Plain((*value).into()),
        Value::Number(value) => Data::Plain(expression::number_value(*value)),
        Value::Text(_) => Data::Text(template(node, what, allowed, problems)?),
        Value::List(items) => Data::List(
            items
                .iter()
                .filter_map(|item| data(item, what, allowed, problems))
                .collect(),
        ),
        Value::Map(entries) => Data::Map(
            entries
                .iter()
                .filter_map(|(key, value)| {
                    Some((key.name.clone(), data(value, what, allowed, problems)?))
                })
                .collect(),
        ),
    })
}
