//! Which fields a value has, and which differ between two.

use serde_json::{Map, Value};

use super::{Error, FieldSet};
use crate::fact::{Keys, ListKind, MapKind};
use crate::path::Path;
use crate::structure::Structure;

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
pub fn fields_of(config: &Value, structure: Structure<'_>) -> Result<FieldSet, Error> {
    collect(config, structure, &mut Path::root())
}

/// The fields of an object that may have lists that cannot be keyed; those have none.
pub(super) fn lenient(value: &Value, structure: Structure<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    match owned(value, structure) {
        Owned::Whole => {}
        Owned::Fields(map) => {
            for (name, value) in map {
                let inner = structure.field(name).unwrap_or(Structure::Unknown);
                // Every place counts as present, those above others too.
                set.insert(field(name));
                set.insert_below(field(name), &lenient(value, inner));
            }
        }
        Owned::Items(items, kind) => {
            for item in items {
                if let Some(element) = element(item, kind, structure.items()) {
                    set.insert(element.clone());
                    set.insert_below(element, &lenient(item, structure.items()));
                }
            }
        }
    }
    set
}

pub(super) fn field(name: &str) -> String {
    format!("f:{name}")
}

fn collect(value: &Value, structure: Structure<'_>, path: &mut Path) -> Result<FieldSet, Error> {
    let mut set = FieldSet::default();
    match owned(value, structure) {
        Owned::Whole => {}
        Owned::Fields(map) => {
            for (name, value) in map {
                let inner = structure.field(name).unwrap_or(Structure::Unknown);
                let below = path.with_field(name, |path| collect(value, inner, path))?;
                if below.is_empty() || !structure.has_field(name) {
                    set.insert(field(name));
                }
                set.insert_below(field(name), &below);
            }
        }
        Owned::Items(items, kind) => {
            for (index, item) in items.iter().enumerate() {
                let Some(element) = element(item, kind, structure.items()) else {
                    let (field, keys) = (path.index(index).into(), names(kind));
                    return Err(Error::Key { field, keys });
                };
                if set.touches(&element) {
                    return Err(Error::Duplicate {
                        field: path.as_str().to_owned(),
                        key: element,
                    });
                }
                let inner = structure.items();
                let below = path.with_index(index, |path| collect(item, inner, path))?;
                set.insert(element.clone());
                set.insert_below(element, &below);
            }
        }
    }
    Ok(set)
}

fn names(kind: ListKind<'_>) -> String {
    match kind {
        ListKind::Map(keys) => keys.names().collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

/// The path element of an item; `None` if it has none of its keys.
pub(super) fn element(
    item: &Value,
    kind: ListKind<'_>,
    structure: Structure<'_>,
) -> Option<String> {
    match kind {
        ListKind::Map(keys) => keyed(item, keys, structure),
        ListKind::Set | ListKind::Atomic => Some(format!("v:{item}")),
    }
}

fn keyed(item: &Value, keys: Keys<'_>, structure: Structure<'_>) -> Option<String> {
    let mut map = Map::new();
    let mut given = false;
    for name in keys.names() {
        let value = item.get(name).filter(|value| !value.is_null());
        given |= value.is_some();
        if let Some(value) = value.cloned().or_else(|| structure.key_default(name)) {
            map.insert(name.to_owned(), value);
        }
    }
    given.then(|| format!("k:{}", Value::Object(map)))
}

/// The fields that are in one object and not in the other, or whose values differ.
pub(super) fn changes(old: &Value, new: &Value, structure: Structure<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    match (owned(old, structure), owned(new, structure)) {
        (Owned::Fields(old), Owned::Fields(new)) => {
            for name in old
                .keys()
                .chain(new.keys().filter(|name| !old.contains_key(*name)))
            {
                let inner = structure.field(name).unwrap_or(Structure::Unknown);
                change(&mut set, field(name), old.get(name), new.get(name), inner);
            }
        }
        (Owned::Items(old, kind), Owned::Items(new, _)) => {
            let inner = structure.items();
            let mut seen = FieldSet::default();
            for item in old.iter().chain(new) {
                let Some(name) = element(item, kind, inner) else {
                    continue;
                };
                if !seen.has(&name) {
                    seen.insert(name.clone());
                    let find = |list: &'_ [Value]| {
                        list.iter()
                            .position(|one| element(one, kind, inner).as_ref() == Some(&name))
                    };
                    let (before, after) = (find(old), find(new));
                    let before = before.and_then(|index| old.get(index));
                    let after = after.and_then(|index| new.get(index));
                    change(&mut set, name, before, after, inner);
                }
            }
        }
        _ => {}
    }
    set
}

fn change(
    set: &mut FieldSet,
    element: String,
    old: Option<&Value>,
    new: Option<&Value>,
    structure: Structure<'_>,
) {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) if old == new => return,
        (Some(old), Some(new)) => (old, new),
        (Some(only), None) | (None, Some(only)) => {
            set.insert(element.clone());
            let below = lenient(only, structure);
            set.insert_below(element, &below);
            return;
        }
        (None, None) => return,
    };
    let below = changes(old, new, structure);
    if below.is_empty() {
        set.insert(element);
    } else {
        set.insert_below(element, &below);
    }
}
