//! `ignoreDifferences`: which fields do not count.

use std::collections::BTreeSet;

use seatrial_resources::argoproj::IgnoreDifferences;
use serde_json::Value;

use crate::reference::Reference;

/// A rule that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A pointer that is none.
    #[error(
        "spec.ignoreDifferences[{rule}].jsonPointers: {pointer:?} is no JSON pointer; it must begin with /"
    )]
    Pointer { rule: usize, pointer: String },
    /// A jq expression beyond plain paths.
    #[error(
        "spec.ignoreDifferences[{rule}].jqPathExpressions: {expression:?} is not supported yet; only plain paths such as .spec.replicas or .spec.items[].name are"
    )]
    Expression { rule: usize, expression: String },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Field(String),
    Items,
}

/// One rule, ready to be used.
#[derive(Debug, Clone)]
struct Rule {
    of: IgnoreDifferences,
    paths: Vec<Vec<Part>>,
}

/// The rules of an application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ignored(Vec<Rule>);

impl Ignored {
    /// Reads the rules.
    pub(crate) fn parse(rules: &[IgnoreDifferences]) -> Result<Self, Error> {
        let mut parsed = Vec::new();
        for (rule, of) in rules.iter().enumerate() {
            let mut paths = Vec::new();
            for pointer in of.json_pointers.iter().flatten() {
                let bad = || Error::Pointer {
                    rule,
                    pointer: pointer.clone(),
                };
                let path = pointer.strip_prefix('/').ok_or_else(bad)?;
                let part = |part: &str| Part::Field(part.replace("~1", "/").replace("~0", "~"));
                paths.push(path.split('/').map(part).collect());
            }
            for expression in of.jq_path_expressions.iter().flatten() {
                let bad = || Error::Expression {
                    rule,
                    expression: expression.clone(),
                };
                paths.push(jq_path(expression).ok_or_else(bad)?);
            }
            parsed.push(Rule {
                of: of.clone(),
                paths,
            });
        }
        Ok(Self(parsed))
    }

    fn of<'a>(&'a self, object: &'a Reference) -> impl Iterator<Item = &'a Rule> {
        let fits = |wanted: &Option<String>, is: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| wanted.is_empty() || wanted == is)
        };
        self.0.iter().filter(move |rule| {
            let group = rule.of.group.as_deref().unwrap_or_default();
            (group == "*" || group == object.group)
                && (rule.of.kind == "*" || rule.of.kind == object.kind)
                && fits(&rule.of.name, &object.name)
                && fits(&rule.of.namespace, &object.namespace)
        })
    }

    /// The places in `live` that do not count: by the rules' paths, and by who owns them.
    fn places(&self, object: &Reference, live: &Value) -> BTreeSet<Vec<Part>> {
        let mut places = BTreeSet::new();
        for rule in self.of(object) {
            places.extend(rule.paths.iter().cloned());
            for manager in rule.of.managed_fields_managers.iter().flatten() {
                places.extend(owned_by(manager, live));
            }
        }
        places
    }

    /// Both without what does not count.
    pub(crate) fn strip(&self, object: &Reference, live: &mut Value, predicted: &mut Value) {
        for place in self.places(object, live) {
            remove(live, &place);
            remove(predicted, &place);
        }
    }

    /// Gives `desired` what `live` has at the places that do not count.
    pub(crate) fn respect(&self, object: &Reference, desired: &mut Value, live: &Value) {
        for place in self.places(object, live) {
            adopt(desired, live, &place);
        }
    }
}

/// The parts of a plain path such as `.spec.items[].name` or `.metadata["a.b"]`.
fn jq_path(expression: &str) -> Option<Vec<Part>> {
    let mut rest = expression.trim();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[]") {
            parts.push(Part::Items);
            rest = after;
            continue;
        }
        if let Some(after) = rest
            .strip_prefix("[\"")
            .or_else(|| rest.strip_prefix(".\"").filter(|_| true))
        {
            let bracket = rest.starts_with('[');
            let (name, after) = after.split_once('"')?;
            parts.push(Part::Field(name.to_owned()));
            rest = if bracket {
                after.strip_prefix(']')?
            } else {
                after
            };
            continue;
        }
        rest = rest.strip_prefix('.')?;
        if rest.starts_with('[') && !parts.is_empty() || rest.starts_with("[\"") {
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_');
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        parts.push(Part::Field(name.to_owned()));
        rest = &rest[end..];
    }
    (!parts.is_empty()).then_some(parts)
}

/// The fields that a manager owns, down to whole lists (items are told apart by keys, which a path
/// cannot say).
fn owned_by(manager: &str, live: &Value) -> Vec<Vec<Part>> {
    let entries = live
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let mut paths = Vec::new();
    for entry in entries.into_iter().flatten() {
        if entry["manager"] == manager && entry.get("subresource").is_none_or(Value::is_null) {
            walk(&entry["fieldsV1"], &mut Vec::new(), &mut paths);
        }
    }
    paths
}

fn walk(fields: &Value, path: &mut Vec<Part>, paths: &mut Vec<Vec<Part>>) {
    let inner: Vec<_> = fields
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, inner)| Some((name.strip_prefix("f:")?, inner)))
        .collect();
    if inner.is_empty() && !path.is_empty() {
        paths.push(path.clone());
    }
    for (name, inner) in inner {
        path.push(Part::Field(name.to_owned()));
        walk(inner, path, paths);
        path.pop();
    }
}

fn remove(value: &mut Value, path: &[Part]) {
    match (path, value) {
        ([Part::Field(name)], Value::Object(fields)) => {
            fields.remove(name);
        }
        ([Part::Field(name)], Value::Array(items)) => {
            if let Some(index) = name
                .parse()
                .ok()
                .filter(|index: &usize| *index < items.len())
            {
                items.remove(index);
            }
        }
        ([Part::Items], Value::Array(items)) => items.clear(),
        ([Part::Items, rest @ ..], Value::Array(items)) => {
            for item in items {
                remove(item, rest);
            }
        }
        ([Part::Field(name), rest @ ..], value) => {
            if let Some(inner) = child(value, name) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

fn child<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    }
}

fn adopt(desired: &mut Value, live: &Value, path: &[Part]) {
    let (Some(part), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        return;
    };
    match (part, desired, live) {
        (Part::Field(name), Value::Object(fields), Value::Object(alive)) => {
            match (alive.get(name), rest.is_empty()) {
                (Some(value), true) => {
                    fields.insert(name.clone(), value.clone());
                }
                (Some(value), false) => {
                    if let Some(inner) = fields.get_mut(name) {
                        adopt(inner, value, rest);
                    }
                }
                (None, true) => {
                    fields.remove(name);
                }
                (None, false) => {}
            }
        }
        (Part::Field(name), desired @ Value::Array(_), live @ Value::Array(_)) => {
            let there = name.parse::<usize>().ok().and_then(|index| live.get(index));
            if let (Some(inner), Some(there)) = (child(desired, name), there) {
                adopt(inner, there, rest);
            }
        }
        (Part::Items, Value::Array(items), Value::Array(alive)) if !rest.is_empty() => {
            for (item, there) in items.iter_mut().zip(alive) {
                adopt(item, there, rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
