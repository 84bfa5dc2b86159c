//! Access to the fields of an object that may or may not be there.

use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

/// Sets a field that is absent or null.
pub(super) fn set(target: &mut Object, name: &str, value: impl Into<Value>) {
    match target.get(name) {
        None | Some(Value::Null) => {
            target.insert(name.to_owned(), value.into());
        }
        Some(_) => {}
    }
}

/// Sets a field that is absent, null or the empty text.
pub(super) fn set_text(target: &mut Object, name: &str, value: &str) {
    if text(target, name).is_empty()
        && target
            .get(name)
            .is_none_or(|old| old.is_null() || old.is_string())
    {
        target.insert(name.to_owned(), value.into());
    }
}

/// The text of a field, or "".
pub(super) fn text<'a>(target: &'a Object, name: &str) -> &'a str {
    target.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The object in a field, if there is one.
pub(super) fn object<'a>(target: &'a mut Object, name: &str) -> Option<&'a mut Object> {
    target.get_mut(name)?.as_object_mut()
}

/// The object in a field, made if it is absent; `None` if the field is something else.
pub(super) fn section<'a>(target: &'a mut Object, name: &str) -> Option<&'a mut Object> {
    set(target, name, Map::new());
    object(target, name)
}

/// The objects in a list.
pub(super) fn objects<'a>(
    target: &'a mut Object,
    name: &str,
) -> impl Iterator<Item = &'a mut Object> {
    let items = target.get_mut(name).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}
