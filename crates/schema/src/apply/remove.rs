//! The removal of fields that a manager applied before and no more.

use serde_json::{Map, Value};

use super::FieldSet;
use super::collect::{element, field};
use crate::fact::{ListKind, MapKind};
use crate::structure::Structure;

/// Removes the members of `gone` from `value`, except where `kept` has them or something below them.
/// Objects and lists that become empty by that go too.
pub(super) fn remove(
    value: &mut Value,
    gone: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    match value {
        Value::Object(map) if structure.map() == MapKind::Granular => {
            remove_fields(map, gone, kept, structure);
        }
        Value::Array(items) if structure.list() != ListKind::Atomic => {
            remove_items(items, gone, kept, structure);
        }
        _ => {}
    }
}

enum Verdict {
    Keep,
    Drop,
}

fn judge(
    value: &mut Value,
    name: &str,
    gone: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) -> Verdict {
    if gone.has(name) && !kept.touches(name) {
        return Verdict::Drop;
    }
    let Some(below) = gone.below(name).filter(|below| !below.is_empty()) else {
        return Verdict::Keep;
    };
    let nothing = FieldSet::default();
    remove(
        value,
        below,
        kept.below(name).unwrap_or(&nothing),
        structure,
    );
    let empty = match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if empty && !kept.touches(name) {
        Verdict::Drop
    } else {
        Verdict::Keep
    }
}

fn remove_fields(
    map: &mut Map<String, Value>,
    gone: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    map.retain(|name, value| {
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        !matches!(judge(value, &field(name), gone, kept, inner), Verdict::Drop)
    });
}

fn remove_items(
    items: &mut Vec<Value>,
    gone: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    let (kind, inner) = (structure.list(), structure.items());
    items.retain_mut(|item| match element(item, kind, inner) {
        Some(name) => !matches!(judge(item, &name, gone, kept, inner), Verdict::Drop),
        None => true,
    });
}
