//! Strategic merge patches.
//!
//! Semantics: <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>.

use serde_json::{Map, Value};

use super::Error;
use super::order::{Places, normalize};
use crate::fact::Merge;
use crate::path::Path;
use crate::structure::Structure;

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const REMOVE: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch to `target`, whose type `structure` knows. Of types that are not
/// known, lists are replaced.
///
/// # Errors
/// Items without their merge key, unknown directives, values of the wrong type: with the path in the
/// patch. The target is then in an undefined state; apply to a copy.
pub fn strategic(target: &mut Value, patch: &Value, structure: Structure<'_>) -> Result<(), Error> {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else {
        return Err(wrong(
            &Path::root(),
            "the patch and the object must be objects",
        ));
    };
    merge_object(target, patch, structure, &Path::root())
}

fn wrong(path: &Path, message: impl Into<String>) -> Error {
    Error::Strategic {
        path: path.into(),
        message: message.into(),
    }
}

type Object = Map<String, Value>;

fn merge_object(
    target: &mut Object,
    patch: &Object,
    structure: Structure<'_>,
    path: &Path,
) -> Result<(), Error> {
    match directive(patch, path)? {
        Directive::Merge => {}
        Directive::Replace => {
            *target = plain(patch, structure, path)?;
            return Ok(());
        }
        Directive::Delete => {
            target.clear();
            return Ok(());
        }
    }
    retain_keys(target, patch, path)?;
    for (name, value) in patch {
        if let Some(name) = name.strip_prefix(REMOVE) {
            remove_values(target, name, value, &path.field(name))?;
        }
    }
    // The order before the patch decides where items go that the patch does not name.
    let before = lists_to_order(target, patch);
    for (name, value) in patch
        .iter()
        .filter(|(name, _)| !name.starts_with('$') || *name == "$ref")
    {
        let inner = structure.field(name).unwrap_or(Structure::Unknown);
        merge_field(target, name, value, inner, &path.field(name))?;
    }
    for (name, before) in before {
        let inner = structure.field(&name).unwrap_or(Structure::Unknown);
        order_list(target, patch, &name, &before, inner, &path.field(&name))?;
    }
    Ok(())
}

fn lists_to_order(target: &Object, patch: &Object) -> Vec<(String, Vec<Value>)> {
    let names = patch.keys().filter_map(|name| name.strip_prefix(ORDER));
    let list = |name: &str| target.get(name).and_then(Value::as_array).cloned();
    names
        .map(|name| (name.to_owned(), list(name).unwrap_or_default()))
        .collect()
}

fn merge_field(
    target: &mut Object,
    name: &str,
    value: &Value,
    structure: Structure<'_>,
    path: &Path,
) -> Result<(), Error> {
    match value {
        Value::Null => {
            target.remove(name);
        }
        Value::Object(patch) => {
            let slot = target
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            if let Value::Object(target) = slot {
                merge_object(target, patch, structure, path)?;
            }
        }
        Value::Array(patch) => {
            let slot = target
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()));
            let before = slot.as_array_mut().map(std::mem::take).unwrap_or_default();
            *slot = Value::Array(merge_list(&before, patch, structure, path)?);
        }
        scalar => {
            target.insert(name.to_owned(), scalar.clone());
        }
    }
    Ok(())
}

fn merge_list(
    before: &[Value],
    patch: &[Value],
    structure: Structure<'_>,
    path: &Path,
) -> Result<Vec<Value>, Error> {
    match structure.merge() {
        Merge::Replace => {
            let items = patch.iter().enumerate();
            items
                .map(|(index, item)| match item {
                    Value::Object(item) => {
                        plain(item, structure.items(), &path.index(index)).map(Value::Object)
                    }
                    item => Ok(item.clone()),
                })
                .collect()
        }
        Merge::Values => {
            let mut merged = before.to_vec();
            let mut places = Places::of(before, None);
            for item in patch {
                if places.find(item).is_none() {
                    places.note(item, merged.len());
                    merged.push(item.clone());
                }
            }
            Ok(normalize(merged, patch, before, None))
        }
        Merge::By(key) => merge_items(before, patch, key, structure.items(), path),
    }
}

fn merge_items(
    before: &[Value],
    patch: &[Value],
    key: &str,
    structure: Structure<'_>,
    path: &Path,
) -> Result<Vec<Value>, Error> {
    let mut merged = before.to_vec();
    let (mut wanted, mut given_up, mut replace) = (Vec::new(), Vec::new(), false);
    for (index, item) in patch.iter().enumerate() {
        let path = path.index(index);
        let Value::Object(fields) = item else {
            return Err(wrong(
                &path,
                "must be an object, as the list is merged by a key",
            ));
        };
        let sort = directive(fields, &path)?;
        if matches!(sort, Directive::Replace) {
            replace = true;
            continue;
        }
        if !fields.contains_key(key) {
            let message = format!("map: {item} does not contain declared merge key: {key}");
            return Err(wrong(&path, message));
        }
        if matches!(sort, Directive::Delete) {
            given_up.push(item.clone());
            continue;
        }
        wanted.push(item.clone());
    }
    if replace {
        merged.clear();
    }
    let given_up = Places::of(&given_up, Some(key));
    merged.retain(|item| given_up.find(item).is_none());
    let mut places = Places::of(&merged, Some(key));
    for (index, item) in wanted.iter().enumerate() {
        let place = places.find(item).unwrap_or(merged.len());
        places.note(item, place);
        let slot = match merged.get_mut(place) {
            Some(slot) => slot,
            None => merged.push_mut(Value::Object(Map::new())),
        };
        if let (Value::Object(target), Value::Object(patch)) = (slot, item) {
            merge_object(target, patch, structure, &path.index(index))?;
        }
    }
    Ok(normalize(merged, &wanted, before, Some(key)))
}

/// What remains of a patch where there is nothing to merge it with.
fn plain(patch: &Object, structure: Structure<'_>, path: &Path) -> Result<Object, Error> {
    let mut target = Map::new();
    let fields = patch.iter().filter(|(name, _)| *name != PATCH);
    let patch: Object = fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    merge_object(&mut target, &patch, structure, path)?;
    Ok(target)
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Object, path: &Path) -> Result<Directive, Error> {
    match patch
        .get(PATCH)
        .map(|value| value.as_str().unwrap_or_default())
    {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(wrong(
            &path.field(PATCH),
            format!("unknown directive {other:?}; use merge, replace or delete"),
        )),
    }
}

fn list<'a>(value: &'a Value, path: &Path) -> Result<&'a [Value], Error> {
    let list = value.as_array().map(Vec::as_slice);
    list.ok_or_else(|| wrong(path, "the directive must be a list"))
}

fn retain_keys(target: &mut Object, patch: &Object, path: &Path) -> Result<(), Error> {
    let Some(keys) = patch.get(RETAIN) else {
        return Ok(());
    };
    let keys: Vec<&str> = list(keys, &path.field(RETAIN))?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let given = patch
        .iter()
        .filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    for (name, _) in given {
        if !keys.contains(&name.as_str()) {
            let message = format!("does not list {name:?}, which the patch sets");
            return Err(wrong(&path.field(RETAIN), message));
        }
    }
    target.retain(|name, _| keys.contains(&name.as_str()));
    Ok(())
}

fn remove_values(
    target: &mut Object,
    name: &str,
    values: &Value,
    path: &Path,
) -> Result<(), Error> {
    let values = list(values, path)?;
    if let Some(Value::Array(items)) = target.get_mut(name) {
        let values = Places::of(values, None);
        items.retain(|item| values.find(item).is_none());
    }
    Ok(())
}

fn order_list(
    target: &mut Object,
    patch: &Object,
    name: &str,
    before: &[Value],
    structure: Structure<'_>,
    path: &Path,
) -> Result<(), Error> {
    let Some(wanted) = patch.get(&format!("{ORDER}{name}")) else {
        return Ok(());
    };
    let wanted = list(wanted, path)?;
    let key = match structure.merge() {
        Merge::By(key) => Some(key),
        Merge::Values => None,
        Merge::Replace => return Ok(()),
    };
    if let Some(Value::Array(items)) = target.get_mut(name) {
        let merged = std::mem::take(items);
        *items = normalize(merged, wanted, before, key);
    }
    Ok(())
}
