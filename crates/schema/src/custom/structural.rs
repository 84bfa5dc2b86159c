//! Whether a schema is structural, in upstream's words
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>).

use serde_json::{Map, Value, json};

use super::{Schema, default, prune, validate};
use crate::cause::Cause;

/// Deeper schemas are refused when they are read.
const DEEPEST: usize = 128;

/// Keywords that say what a value is; within `allOf` and its like they would say it twice.
const STRUCTURE: &[&str] = &[
    "type",
    "default",
    "additionalProperties",
    "nullable",
    "description",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

/// Keywords of JSON Schema that upstream does not support.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("$ref", "$ref is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("additionalItems", "additionalItems is not supported"),
    ("id", "id is not supported"),
];

/// What keeps a schema from being structural. `path` is where it stands in its definition.
pub fn problems(schema: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let Some(root) = schema.as_object() else {
        return vec![Cause::required(path, "schemas are required")];
    };
    match text(root, "type") {
        "" => causes.push(Cause::required(
            format!("{path}.type"),
            "must not be empty at the root",
        )),
        "object" => {}
        other => causes.push(Cause::invalid(
            format!("{path}.type"),
            &json!(other),
            "must be object at the root",
        )),
    }
    check_metadata(root, path, &mut causes);
    check(root, path, Place::Root, 0, &mut causes);
    causes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Item,
    Value,
    /// Within `allOf` and its like.
    Logic,
}

fn text<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a str {
    schema
        .get(keyword)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn flag(schema: &Map<String, Value>, keyword: &str) -> bool {
    schema
        .get(keyword)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// Of the metadata of the whole object a schema may restrict only the names.
fn check_metadata(root: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let metadata = root
        .get("properties")
        .and_then(|properties| properties.get("metadata"))
        .and_then(Value::as_object);
    let Some(metadata) = metadata else { return };
    let known = |keyword: &str| matches!(keyword, "type" | "properties" | "description");
    let names = metadata.get("properties").and_then(Value::as_object);
    let others = names
        .into_iter()
        .flatten()
        .any(|(name, _)| !matches!(name.as_str(), "name" | "generateName"));
    if others || metadata.keys().any(|keyword| !known(keyword)) {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        causes.push(Cause::forbidden(
            format!("{path}.properties[metadata]"),
            detail,
        ));
    }
}

fn check(
    schema: &Map<String, Value>,
    path: &str,
    place: Place,
    depth: usize,
    causes: &mut Vec<Cause>,
) {
    if depth > DEEPEST {
        return;
    }
    for (keyword, detail) in UNSUPPORTED {
        if schema.contains_key(*keyword) {
            causes.push(Cause::forbidden(format!("{path}.{keyword}"), detail));
        }
    }
    if flag(schema, "uniqueItems") {
        let detail =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(format!("{path}.uniqueItems"), detail));
    }
    if place == Place::Logic {
        check_logic(schema, path, causes);
    } else {
        check_type(schema, path, place, causes);
        check_lists(schema, path, causes);
        check_default(schema, path, causes);
    }
    let both = schema
        .get("properties")
        .is_some_and(|properties| properties.as_object().is_some_and(|map| !map.is_empty()));
    if both
        && schema
            .get("additionalProperties")
            .is_some_and(|values| *values != Value::Bool(false))
    {
        let detail = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(
            format!("{path}.additionalProperties"),
            detail,
        ));
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let detail = "additionalProperties cannot be set to false";
        causes.push(Cause::forbidden(
            format!("{path}.additionalProperties"),
            detail,
        ));
    }
    below(schema, path, place, depth, causes);
}

fn below(
    schema: &Map<String, Value>,
    path: &str,
    place: Place,
    depth: usize,
    causes: &mut Vec<Cause>,
) {
    let inner = |own: Place| {
        if place == Place::Logic {
            Place::Logic
        } else {
            own
        }
    };
    for (name, schema) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(schema) = schema.as_object() {
            // Names of the whole object's metadata are checked by the server itself.
            check(
                schema,
                &format!("{path}.properties[{name}]"),
                inner(Place::Field),
                depth + 1,
                causes,
            );
        }
    }
    if let Some(values) = schema
        .get("additionalProperties")
        .and_then(Value::as_object)
    {
        check(
            values,
            &format!("{path}.additionalProperties"),
            inner(Place::Value),
            depth + 1,
            causes,
        );
    }
    match schema.get("items") {
        Some(Value::Object(items)) => check(
            items,
            &format!("{path}.items"),
            inner(Place::Item),
            depth + 1,
            causes,
        ),
        Some(Value::Array(_)) => {
            causes.push(Cause::forbidden(
                format!("{path}.items"),
                "items must be a schema object and not an array",
            ));
        }
        _ => {}
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for (index, schema) in schema
            .get(keyword)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            if let Some(schema) = schema.as_object() {
                check(
                    schema,
                    &format!("{path}.{keyword}[{index}]"),
                    Place::Logic,
                    depth + 1,
                    causes,
                );
            }
        }
    }
    if let Some(schema) = schema.get("not").and_then(Value::as_object) {
        check(
            schema,
            &format!("{path}.not"),
            Place::Logic,
            depth + 1,
            causes,
        );
    }
}

fn check_logic(schema: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    for keyword in STRUCTURE {
        // `anyOf: [{type: integer}, {type: string}]` is how integers or texts are written.
        let of_int_or_string = *keyword == "type"
            && matches!(text(schema, "type"), "integer" | "string")
            && schema.len() == 1;
        if schema.contains_key(*keyword) && !of_int_or_string {
            causes.push(Cause::forbidden(
                format!("{path}.{keyword}"),
                "must be empty to be structural",
            ));
        }
    }
}

fn check_type(schema: &Map<String, Value>, path: &str, place: Place, causes: &mut Vec<Cause>) {
    let (either, open) = (
        flag(schema, "x-kubernetes-int-or-string"),
        flag(schema, "x-kubernetes-preserve-unknown-fields"),
    );
    let given = text(schema, "type");
    let field = format!("{path}.type");
    match (given, place) {
        ("", _) if either || open => {}
        ("", Place::Item) => causes.push(Cause::required(
            field,
            "must not be empty for specified array items",
        )),
        ("", Place::Field | Place::Value) => causes.push(Cause::required(
            field,
            "must not be empty for specified object fields",
        )),
        (given, _) if either && !given.is_empty() => {
            let detail = "must be empty if x-kubernetes-int-or-string is true";
            causes.push(Cause::invalid(field, &json!(given), detail));
        }
        ("array", _) if !schema.contains_key("items") => {
            causes.push(Cause::required(
                format!("{path}.items"),
                "must be specified",
            ));
        }
        _ => {}
    }
    if flag(schema, "x-kubernetes-embedded-resource") {
        if given != "object" {
            let detail = "must be object if x-kubernetes-embedded-resource is true";
            causes.push(Cause::invalid(
                format!("{path}.type"),
                &json!(given),
                detail,
            ));
        }
        if !open && !schema.contains_key("properties") {
            let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
            causes.push(Cause::required(format!("{path}.properties"), detail));
        }
    }
}

fn check_lists(schema: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let sort = text(schema, "x-kubernetes-list-type");
    let field = format!("{path}.x-kubernetes-list-type");
    match sort {
        "" | "atomic" | "set" | "map" => {}
        other => causes.push(Cause::unsupported(
            &*field,
            &json!(other),
            &["atomic", "set", "map"],
        )),
    }
    if !sort.is_empty() && text(schema, "type") != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        causes.push(Cause::invalid(
            format!("{path}.type"),
            &json!(text(schema, "type")),
            detail,
        ));
    }
    let keys = schema
        .get("x-kubernetes-list-map-keys")
        .and_then(Value::as_array);
    let keys: Vec<&str> = keys
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let keys_field = format!("{path}.x-kubernetes-list-map-keys");
    if sort != "map" {
        if !keys.is_empty() {
            causes.push(Cause::forbidden(
                keys_field,
                "must not be set if x-kubernetes-list-type is not map",
            ));
        }
        return;
    }
    if keys.is_empty() {
        causes.push(Cause::required(
            &*keys_field,
            "must not be empty if x-kubernetes-list-type is map",
        ));
    }
    let Some(items) = schema.get("items").and_then(Value::as_object) else {
        return;
    };
    if text(items, "type") != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        causes.push(Cause::invalid(
            format!("{path}.items.type"),
            &json!(text(items, "type")),
            detail,
        ));
    }
    let required = items.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (index, key) in keys.iter().enumerate() {
        let Some(property) = items
            .get("properties")
            .and_then(|properties| properties.get(*key))
        else {
            let detail = "entries must all be names of item properties";
            causes.push(Cause::invalid(
                format!("{keys_field}[{index}]"),
                &json!(key),
                detail,
            ));
            continue;
        };
        if !required.contains(key) && property.get("default").is_none() {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(Cause::required(
                format!("{path}.items.properties[{key}].default"),
                detail,
            ));
        }
    }
}

/// A default must be a value of its own schema, with nothing to prune.
fn check_default(schema: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let Some(given) = schema.get("default") else {
        return;
    };
    let field = format!("{path}.default");
    let wrapped = json!({ "type": "object", "properties": { "default": schema } });
    let Ok(parsed) = Schema::parse(&wrapped) else {
        return;
    };
    let mut value = json!({ "default": given });
    let pruned = prune(&mut value, &parsed);
    if let Some(unknown) = pruned.first() {
        let detail = format!(
            "must not have unknown fields: {}",
            unknown.trim_start_matches("default.")
        );
        causes.push(Cause::invalid(&*field, given, &detail));
    }
    default(&mut value, &parsed);
    for cause in validate(&value, &parsed) {
        let inner = cause.field.strip_prefix("default").unwrap_or_default();
        causes.push(Cause {
            field: format!("{field}{inner}"),
            ..cause
        });
    }
}
