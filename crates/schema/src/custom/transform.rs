//! Pruning and defaulting of custom objects.

use serde_json::{Map, Value};

use super::{Additional, Kind, Node, Null, Schema};
use crate::structure::{Level, Structure};

/// Removes the fields that the schema does not know, and returns their paths.
pub fn prune(object: &mut Value, schema: &Schema) -> Vec<String> {
    let structure = Structure::Custom {
        node: schema.root(),
        level: Level::Root,
    };
    crate::strict::prune(object, structure, "")
}

/// Sets the schema's defaults where a field is absent, or null where null is no value.
pub fn default(object: &mut Value, schema: &Schema) {
    set(object, schema.root());
}

fn set(value: &mut Value, node: &Node) {
    match value {
        Value::Object(map) => {
            set_properties(map, node);
            if let Additional::Schema(values) = &node.additional {
                for (name, value) in map.iter_mut() {
                    if !node.properties.contains_key(name) {
                        set(value, values);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(node) = &node.items {
                for item in items {
                    set(item, node);
                }
            }
        }
        _ => {}
    }
}

fn set_properties(map: &mut Map<String, Value>, node: &Node) {
    for (name, property) in &node.properties {
        let refused = property.null == Null::Refused && property.kind != Kind::Any;
        if refused && map.get(name).is_some_and(Value::is_null) && property.default.is_some() {
            map.remove(name);
        }
        if let (None, Some(default)) = (map.get(name), &property.default) {
            map.insert(name.clone(), default.clone());
        }
        if let Some(value) = map.get_mut(name) {
            set(value, property);
        }
    }
}
