//! Which fields a value has, and which differ between two.

use std::collections::BTreeMap;

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
                set.insert_all(field(name), lenient(value, inner));
            }
        }
        Owned::Items(items, kind) => {
            for item in items {
                if let Some(element) = element(item, kind, structure.items()) {
                    set.insert_all(element, lenient(item, structure.items()));
                }
            }
        }
    }
    set
}

pub(super) fn field(name: &str) -> String {
    ["f:", name].concat()
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
                set.insert_below(field(name), below);
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
                set.insert_all(element, below);
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

/// What differs between two objects.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The fields that are new or have another value.
    pub(super) written: FieldSet,
    /// The fields that are no more.
    pub(super) removed: FieldSet,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }

    fn note(
        &mut self,
        element: String,
        old: Option<&Value>,
        new: Option<&Value>,
        structure: Structure<'_>,
    ) {
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                let below = changes(old, new, structure);
                if below.is_empty() {
                    self.written.insert(element);
                } else {
                    self.written.insert_below(element.clone(), below.written);
                    self.removed.insert_below(element, below.removed);
                }
            }
            (Some(old), None) => self.removed.insert_all(element, lenient(old, structure)),
            (None, Some(new)) => self.written.insert_all(element, lenient(new, structure)),
            _ => {}
        }
    }
}

/// What differs between two objects of one type.
pub(super) fn changes(old: &Value, new: &Value, structure: Structure<'_>) -> Changes {
    let mut found = Changes::default();
    match (owned(old, structure), owned(new, structure)) {
        (Owned::Fields(old), Owned::Fields(new)) => {
            for name in old
                .keys()
                .chain(new.keys().filter(|name| !old.contains_key(*name)))
            {
                let inner = structure.field(name).unwrap_or(Structure::Unknown);
                found.note(field(name), old.get(name), new.get(name), inner);
            }
        }
        (Owned::Items(old, kind), Owned::Items(new, _)) => {
            let inner = structure.items();
            let name = |item: &Value| element(item, kind, inner);
            let before: BTreeMap<String, &Value> = old
                .iter()
                .filter_map(|item| Some((name(item)?, item)))
                .collect();
            let after: BTreeMap<String, &Value> = new
                .iter()
                .filter_map(|item| Some((name(item)?, item)))
                .collect();
            for (key, old) in &before {
                found.note(key.clone(), Some(old), after.get(key).copied(), inner);
            }
            for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                found.note(key.clone(), None, Some(new), inner);
            }
        }
        _ => {}
    }
    found
}
