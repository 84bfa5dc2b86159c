//! Reads the swagger definitions: objects with fields, and the `x-kubernetes-*` facts about them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{SERVED, SHARED, swagger_name};

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// A variant of `fact::Shape` that needs nothing else.
    Plain(&'static str),
    Object(String),
    Array(Box<Shape>),
    Map(Box<Shape>),
}

/// One field of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) list_type: Option<String>,
    pub(crate) list_keys: Vec<String>,
    pub(crate) map_type: Option<String>,
    pub(crate) patch_strategy: Option<String>,
    pub(crate) merge_key: Option<String>,
}

/// A named object.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) kinds: Vec<(String, String, String)>,
    pub(crate) map_type: Option<String>,
    pub(crate) fields: Vec<Field>,
}

/// Definitions that are not objects with fields.
const SPECIAL: &[(&str, &str)] = &[
    ("io.k8s.apimachinery.pkg.api.resource.Quantity", "Quantity"),
    (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        "IntOrString",
    ),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", "Time"),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
        "MicroTime",
    ),
];

/// Reads the definitions that are reachable from the served kinds, by name.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Definition>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let document: Value = serde_json::from_str(&text).context("the definitions are no JSON")?;
    let all = document
        .get("$defs")
        .and_then(Value::as_object)
        .context("there is no $defs")?;
    let shared = SHARED
        .first()
        .map(|name| swagger_name(&name.replace('/', ".")))
        .unwrap_or_default();
    let mut pending: Vec<String> = all
        .iter()
        .filter(|(name, value)| {
            let package = name.rsplit_once('.').map_or("", |(package, _)| package);
            let served = SERVED.iter().any(|served| served.prefix() == package);
            (served || package == shared) && value.get("x-kubernetes-group-version-kind").is_some()
        })
        .map(|(name, _)| name.clone())
        .collect();
    let (mut seen, mut found) = (BTreeSet::new(), BTreeMap::new());
    while let Some(name) = pending.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let source = all
            .get(&name)
            .with_context(|| format!("there is no definition {name}"))?;
        let definition = definition(&name, source, all, &mut pending)
            .with_context(|| format!("cannot understand {name}"))?;
        found.insert(name, definition);
    }
    Ok(found)
}

type All = serde_json::Map<String, Value>;

fn definition(
    name: &str,
    source: &Value,
    all: &All,
    pending: &mut Vec<String>,
) -> Result<Definition> {
    let required: BTreeSet<&str> = texts(source, "required").collect();
    let mut fields = Vec::new();
    let properties = source
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    for (field, schema) in properties {
        fields.push(Field {
            name: field.clone(),
            shape: shape(schema, all, pending).with_context(|| format!("field {field}"))?,
            required: required.contains(field.as_str()),
            list_type: text(schema, "x-kubernetes-list-type"),
            list_keys: texts(schema, "x-kubernetes-list-map-keys")
                .map(str::to_owned)
                .collect(),
            map_type: text(schema, "x-kubernetes-map-type"),
            patch_strategy: text(schema, "x-kubernetes-patch-strategy"),
            merge_key: text(schema, "x-kubernetes-patch-merge-key"),
        });
    }
    Ok(Definition {
        name: name.to_owned(),
        kinds: kinds(source),
        map_type: text(source, "x-kubernetes-map-type"),
        fields,
    })
}

fn kinds(source: &Value) -> Vec<(String, String, String)> {
    let list = source
        .get("x-kubernetes-group-version-kind")
        .and_then(Value::as_array);
    let mut kinds: Vec<_> = list
        .into_iter()
        .flatten()
        .map(|kind| {
            let part = |name| text(kind, name).unwrap_or_default();
            (part("group"), part("version"), part("kind"))
        })
        .filter(|(group, version, _)| {
            SERVED
                .iter()
                .any(|one| one.group == group && one.version() == version)
        })
        .collect();
    kinds.sort();
    kinds
}

fn shape(schema: &Value, all: &All, pending: &mut Vec<String>) -> Result<Shape> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.trim_start_matches("#/$defs/");
        return Ok(named(name, all, pending));
    }
    let format = schema.get("format").and_then(Value::as_str);
    Ok(match (kind(schema).as_deref(), format) {
        (Some("string"), Some("byte")) => Shape::Plain("Bytes"),
        (Some("string"), Some("date-time")) => Shape::Plain("Time"),
        (Some("string"), _) => Shape::Plain("Text"),
        (Some("boolean"), _) => Shape::Plain("Boolean"),
        (Some("integer"), Some("int32")) => Shape::Plain("Int32"),
        (Some("integer"), _) => Shape::Plain("Int64"),
        (Some("number"), _) => Shape::Plain("Number"),
        (Some("array"), _) => {
            let items = schema.get("items").context("an array without items")?;
            Shape::Array(Box::new(shape(items, all, pending)?))
        }
        (Some("object"), _) => match schema.get("additionalProperties") {
            Some(values) => Shape::Map(Box::new(shape(values, all, pending)?)),
            None => Shape::Plain("Any"),
        },
        (None, _) => Shape::Plain("Any"),
        (Some(other), format) => bail!("unknown type {other} {format:?}"),
    })
}

fn named(name: &str, all: &All, pending: &mut Vec<String>) -> Shape {
    if let Some((_, special)) = SPECIAL.iter().find(|(special, _)| *special == name) {
        return Shape::Plain(special);
    }
    if all
        .get(name)
        .is_none_or(|definition| definition.get("properties").is_none())
    {
        return Shape::Plain("Any");
    }
    pending.push(name.to_owned());
    Shape::Object(name.to_owned())
}

/// The type of a schema, without the `null` that the source adds everywhere.
fn kind(schema: &Value) -> Option<String> {
    match schema.get("type")? {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").map(str::to_owned)
        }
        _ => None,
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
