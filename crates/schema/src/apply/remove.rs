//! The removal of what a manager applied before and no more.

use serde_json::{Map, Value};

use super::FieldSet;
use super::collect::{element, field};
use crate::fact::{ListKind, MapKind};
use crate::structure::Structure;

/// Removes from `object` what `last` has and `kept` has not: each with all that is in it, unowned things
/// too. Objects and lists that become empty by that go with it.
pub(super) fn remove(
    object: &mut Map<String, Value>,
    last: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    remove_fields(object, last, kept, structure);
}

enum Verdict {
    Keep,
    Drop,
}

/// `structure` is that of the place in which `name` is; `inner` that of `value`.
fn judge(
    value: &mut Value,
    name: &str,
    (last, kept): (&FieldSet, &FieldSet),
    (structure, inner): (Structure<'_>, Structure<'_>),
) -> Verdict {
    let Some(below) = last.below(name) else {
        return Verdict::Keep;
    };
    if last.implies(name, structure) && !kept.implies(name, structure) {
        return Verdict::Drop;
    }
    let nothing = FieldSet::default();
    let kept_below = kept.below(name).unwrap_or(&nothing);
    let empty = match value {
        Value::Object(map) if inner.map() == MapKind::Granular => {
            let before = map.len();
            remove_fields(map, below, kept_below, inner);
            map.is_empty() && before > 0
        }
        Value::Array(items) if inner.list() != ListKind::Atomic => {
            let before = items.len();
            remove_items(items, below, kept_below, inner);
            items.is_empty() && before > 0
        }
        _ => false,
    };
    if empty && !kept.has(name) {
        Verdict::Drop
    } else {
        Verdict::Keep
    }
}

fn remove_fields(
    map: &mut Map<String, Value>,
    last: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    map.retain(|name, value| {
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        let verdict = judge(value, &field(name), (last, kept), (structure, inner));
        matches!(verdict, Verdict::Keep)
    });
}

fn remove_items(
    items: &mut Vec<Value>,
    last: &FieldSet,
    kept: &FieldSet,
    structure: Structure<'_>,
) {
    let (kind, inner) = (structure.list(), structure.items());
    items.retain_mut(|item| match element(item, kind, inner) {
        Ok(name) => {
            let verdict = judge(item, &name, (last, kept), (structure, inner));
            matches!(verdict, Verdict::Keep)
        }
        Err(_) => true,
    });
}
