//! What differs between two objects of one type.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::FieldSet;
use super::collect::{Owned, element, field, owned};
use crate::fact::ListKind;
use crate::structure::Structure;

/// The fields in which two objects differ.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The fields that are new or have another value.
    pub(super) written: FieldSet,
    /// The fields that are no more.
    pub(super) removed: FieldSet,
}

/// Fields that upstream's structs always have, even in an empty object. One that is new is no field that
/// anybody wrote; only what is in it is. (Facts from `k8s.io/api`: structs that are no pointers, and lists
/// without `omitempty`.)
const ALWAYS: &[&str] = &[
    "containers",
    "daemonEndpoints",
    "endpoints",
    "jobTemplate",
    "kubeletEndpoint",
    "loadBalancer",
    "metadata",
    "names",
    "nodeInfo",
    "roleRef",
    "rules",
    "scaleTargetRef",
    "spec",
    "status",
    "strategy",
    "template",
    "updateStrategy",
    "versions",
];

/// Whether the place that is compared is there in an empty object already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Always,
    Sometimes,
}

impl Place {
    fn of(self, name: &str, structure: Structure<'_>) -> Self {
        let built_in = matches!(structure, Structure::BuiltIn { .. });
        if self == Self::Always && built_in && ALWAYS.binary_search(&name).is_ok() {
            Self::Always
        } else {
            Self::Sometimes
        }
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }

    fn note(
        &mut self,
        element: String,
        values: (Option<&Value>, Option<&Value>),
        structure: Structure<'_>,
        place: Place,
    ) {
        match values {
            (Some(old), Some(new)) if old != new => {
                let below = changes(old, new, structure, place);
                if below.is_empty() {
                    self.written.insert(element);
                } else {
                    self.written.insert_below(element.clone(), below.written);
                    self.removed.insert_below(element, below.removed);
                }
            }
            (Some(old), None) => self
                .removed
                .insert_all(element, everything(old, structure, Place::Sometimes)),
            (None, Some(new)) => {
                let below = everything(new, structure, place);
                if place == Place::Always && !below.is_empty() {
                    self.written.insert_below(element, below);
                } else {
                    self.written.insert_all(element, below);
                }
            }
            _ => {}
        }
    }
}

/// All places in a value, those above others too.
fn everything(value: &Value, structure: Structure<'_>, place: Place) -> FieldSet {
    let mut set = FieldSet::default();
    match owned(value, structure) {
        Owned::Whole => {}
        Owned::Fields(map) => {
            for (name, value) in map {
                let inner = structure.field(name).unwrap_or(Structure::Unknown);
                let place = place.of(name, structure);
                let below = everything(value, inner, place);
                if place == Place::Always && !below.is_empty() {
                    set.insert_below(field(name), below);
                } else {
                    set.insert_all(field(name), below);
                }
            }
        }
        Owned::Items(items, kind) => {
            let inner = structure.items();
            for item in items {
                match element(item, kind, inner) {
                    // What occurs more than once is owned whole.
                    Ok(element) if set.touches(&element) => {
                        set.cut(&element);
                        set.insert(element);
                    }
                    Ok(element) => {
                        set.insert_all(element, everything(item, inner, Place::Sometimes));
                    }
                    Err(_) => {}
                }
            }
        }
    }
    set
}

/// All places in an object.
pub(super) fn all_of(object: &Map<String, Value>, structure: Structure<'_>) -> FieldSet {
    fields(&Map::new(), object, structure, Place::Always).written
}

/// What differs between two objects.
pub(super) fn between(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    structure: Structure<'_>,
) -> Changes {
    fields(old, new, structure, Place::Always)
}

fn changes(old: &Value, new: &Value, structure: Structure<'_>, place: Place) -> Changes {
    match (owned(old, structure), owned(new, structure)) {
        (Owned::Fields(old), Owned::Fields(new)) => fields(old, new, structure, place),
        (Owned::Items(old, kind), Owned::Items(new, _)) => items(old, new, kind, structure.items()),
        _ => Changes::default(),
    }
}

fn fields(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    structure: Structure<'_>,
    place: Place,
) -> Changes {
    let mut found = Changes::default();
    let added = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(added) {
        let values = (old.get(name), new.get(name));
        if values.0 == values.1 {
            continue;
        }
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        found.note(field(name), values, inner, place.of(name, structure));
    }
    found
}

fn items(old: &[Value], new: &[Value], kind: ListKind<'_>, inner: Structure<'_>) -> Changes {
    let mut found = Changes::default();
    let (before, after) = (by_key(old, kind, inner), by_key(new, kind, inner));
    let none = Vec::new();
    let added = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(added) {
        let old = before.get(key).unwrap_or(&none);
        let new = after.get(key).unwrap_or(&none);
        match (old.as_slice(), new.as_slice()) {
            ([] | [_], [] | [_]) => {
                let values = (old.first().copied(), new.first().copied());
                found.note(key.clone(), values, inner, Place::Sometimes);
            }
            // What occurs more than once has no fields that could be told apart: it is owned whole.
            ([], _) => found.written.insert(key.clone()),
            (_, []) => found.removed.insert(key.clone()),
            (old, new) if old != new => found.written.insert(key.clone()),
            _ => {}
        }
    }
    found
}

fn by_key<'a>(
    items: &'a [Value],
    kind: ListKind<'_>,
    structure: Structure<'_>,
) -> BTreeMap<String, Vec<&'a Value>> {
    let mut map: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for item in items {
        if let Ok(key) = element(item, kind, structure) {
            map.entry(key).or_default().push(item);
        }
    }
    map
}
