//! Which fields a configuration has, as the manager who applies it owns them.

use serde_json::{Map, Value};

use super::FieldSet;
use super::set::shown;
use crate::fact::{Keys, ListKind, MapKind};
use crate::path::Path;
use crate::structure::Structure;

/// A list in a configuration that cannot be merged, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(".{path}: {detail}")]
pub struct Problem {
    /// The path of the list, such as `spec.ports`.
    pub path: String,
    /// What is wrong with it.
    pub detail: String,
}

/// How a value is owned.
pub(super) enum Owned<'a> {
    /// As a whole.
    Whole,
    /// By the fields of an object.
    Fields(&'a Map<String, Value>),
    /// By the items of a list.
    Items(&'a [Value], ListKind<'a>),
}

pub(super) fn owned<'a>(value: &'a Value, structure: Structure<'a>) -> Owned<'a> {
    match value {
        Value::Object(map) if structure.map() == MapKind::Granular => Owned::Fields(map),
        Value::Array(items) if structure.list() != ListKind::Atomic => {
            Owned::Items(items, structure.list())
        }
        _ => Owned::Whole,
    }
}

/// The fields of a configuration.
///
/// # Errors
/// Where a list cannot be keyed.
pub fn fields_of(
    config: &Map<String, Value>,
    structure: Structure<'_>,
) -> Result<FieldSet, Problem> {
    let mut set = FieldSet::default();
    collect_fields(config, structure, &mut Path::root(), &mut set)?;
    Ok(set)
}

pub(super) fn field(name: &str) -> String {
    ["f:", name].concat()
}

fn collect(
    value: &Value,
    structure: Structure<'_>,
    path: &mut Path,
    set: &mut FieldSet,
) -> Result<(), Problem> {
    match owned(value, structure) {
        Owned::Whole => Ok(()),
        Owned::Fields(map) => collect_fields(map, structure, path, set),
        Owned::Items(items, kind) => {
            for (index, item) in items.iter().enumerate() {
                let inner = structure.items();
                let element = element(item, kind, inner).map_err(|detail| Problem {
                    path: path.as_str().to_owned(),
                    detail: format!("element {index}: {detail}"),
                })?;
                if set.touches(&element) {
                    return Err(Problem {
                        path: path.as_str().to_owned(),
                        detail: format!("duplicate entries for key {}", shown(&element)),
                    });
                }
                let mut below = FieldSet::default();
                path.with_index(index, |path| collect(item, inner, path, &mut below))?;
                set.insert_all(element, below);
            }
            Ok(())
        }
    }
}

fn collect_fields(
    map: &Map<String, Value>,
    structure: Structure<'_>,
    path: &mut Path,
    set: &mut FieldSet,
) -> Result<(), Problem> {
    for (name, value) in map {
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        let mut below = FieldSet::default();
        path.with_field(name, |path| collect(value, inner, path, &mut below))?;
        // An empty list by items is owned by nobody: it says nothing of any item.
        let nothing = matches!(owned(value, inner), Owned::Items([], _));
        if !structure.has_field(name) || (below.is_empty() && !nothing) {
            set.insert(field(name));
        }
        set.insert_below(field(name), below);
    }
    Ok(())
}

/// The path element of an item.
///
/// # Errors
/// Why it has none, in upstream's words.
pub(super) fn element(
    item: &Value,
    kind: ListKind<'_>,
    structure: Structure<'_>,
) -> Result<String, String> {
    match (kind, item) {
        (ListKind::Map(_), Value::Null) => {
            Err("associative list with keys may not have a null element".to_owned())
        }
        (ListKind::Map(keys), Value::Object(item)) => keyed(item, keys, structure),
        (ListKind::Map(_), _) => {
            Err("associative list with keys may not have non-map elements".to_owned())
        }
        (_, Value::Object(_)) => {
            Err("associative list without keys has an element that's a map type".to_owned())
        }
        (_, Value::Array(_)) => {
            Err("not supported: associative list with lists as elements".to_owned())
        }
        (_, Value::Null) => {
            Err("associative list without keys has an element that's an explicit null".to_owned())
        }
        (_, scalar) => Ok(format!("v:{scalar}")),
    }
}

fn keyed(
    item: &Map<String, Value>,
    keys: Keys<'_>,
    structure: Structure<'_>,
) -> Result<String, String> {
    let mut map = Map::new();
    for name in keys.names() {
        let given = item.get(name).filter(|value| !value.is_null()).cloned();
        let Some(value) = given.or_else(|| structure.key_default(name)) else {
            return Err(format!(
                "associative list with keys has an element that omits key field {name:?} (and \
                 doesn't have default value)"
            ));
        };
        map.insert(name.to_owned(), value);
    }
    Ok(format!("k:{}", Value::Object(map)))
}
