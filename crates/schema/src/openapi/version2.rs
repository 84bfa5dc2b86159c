//! OpenAPI v2, in JSON and protobuf, made from the documents of version 3.
//!
//! Version 2 says less: of custom kinds the alternatives (`oneOf` and its like) and `nullable` are left out, as upstream does. The protobuf
//! form carries the definitions, which is what clients that ask for it read; its paths are empty.

mod wire;

use serde_json::{Map, Value, json};

const COMPONENTS: &str = "#/components/schemas/";

/// The media type of the protobuf form.
pub const MEDIA: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// The document of all groups, from those of version 3.
pub fn document(documents: &[Value]) -> Value {
    let (mut definitions, mut paths) = (Map::new(), Map::new());
    for document in documents {
        let schemas = document
            .pointer("/components/schemas")
            .and_then(Value::as_object);
        for (name, schema) in schemas.into_iter().flatten() {
            if !definitions.contains_key(name) {
                definitions.insert(name.clone(), definition(schema));
            }
        }
        for (path, item) in document
            .get("paths")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            paths.insert(path.clone(), path_item(item));
        }
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": "v1.34.0" },
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": { "BearerToken": {
            "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication",
        } },
    })
}

/// The protobuf form of a document.
pub fn protobuf(document: &Value) -> Vec<u8> {
    wire::document(document)
}

/// Of a kind that keeps unknown fields nothing is said but that it is an object: clients take the
/// properties of version 2 for all there are.
fn definition(schema: &Value) -> Value {
    if !keeps_unknown(schema) {
        return schema_of(schema);
    }
    let mut made = json!({ "type": "object" });
    if let Some(kinds) = schema.get(KINDS) {
        made[KINDS] = kinds.clone();
    }
    made
}

const KINDS: &str = "x-kubernetes-group-version-kind";

fn keeps_unknown(schema: &Value) -> bool {
    let keeps = schema.get("x-kubernetes-preserve-unknown-fields");
    keeps.and_then(Value::as_bool) == Some(true)
}

fn schema_of(schema: &Value) -> Value {
    let open = keeps_unknown(schema);
    let Some(schema) = schema.as_object() else {
        return schema.clone();
    };
    let mut made = Map::new();
    for (keyword, value) in schema {
        match keyword.as_str() {
            "properties" | "items" if open => {}
            "type" if open && (value == "object" || value == "array") => {}
            "$ref" => drop(made.insert("$ref".to_owned(), reference(value))),
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties: Map<String, Value> = properties
                    .map(|(name, schema)| (name.clone(), schema_of(schema)))
                    .collect();
                made.insert("properties".to_owned(), properties.into());
            }
            "items" | "additionalProperties" => {
                made.insert(keyword.clone(), schema_of(value));
            }
            // A reference with a description beside it is wrapped in version 3.
            "allOf" => {
                if let Some([only]) = value.as_array().map(Vec::as_slice)
                    && let Some(target) = only.get("$ref")
                {
                    made.insert("$ref".to_owned(), reference(target));
                }
            }
            "oneOf" | "anyOf" if either(schema) => {
                made.insert("type".to_owned(), json!("string"));
                made.insert("format".to_owned(), json!("int-or-string"));
            }
            "oneOf" | "anyOf" | "not" | "nullable" => {}
            // Beside a reference nothing but words counts.
            "default" if schema.contains_key("allOf") => {}
            _ => drop(made.insert(keyword.clone(), value.clone())),
        }
    }
    Value::Object(made)
}

fn either(schema: &Map<String, Value>) -> bool {
    schema
        .get("x-kubernetes-int-or-string")
        .and_then(Value::as_bool)
        == Some(true)
        || schema.get("format").and_then(Value::as_str) == Some("int-or-string")
}

fn reference(target: &Value) -> Value {
    let name = target.as_str().unwrap_or_default();
    json!(format!(
        "#/definitions/{}",
        name.strip_prefix(COMPONENTS).unwrap_or(name)
    ))
}

fn path_item(item: &Value) -> Value {
    let Some(item) = item.as_object() else {
        return item.clone();
    };
    let entry = |(name, value): (&String, &Value)| {
        let made = match name.as_str() {
            "parameters" => value
                .as_array()
                .into_iter()
                .flatten()
                .map(parameter)
                .collect(),
            "get" | "put" | "post" | "patch" | "delete" | "options" | "head" => operation(value),
            _ => value.clone(),
        };
        (name.clone(), made)
    };
    Value::Object(item.iter().map(entry).collect())
}

fn operation(operation: &Value) -> Value {
    let Some(operation) = operation.as_object() else {
        return operation.clone();
    };
    let mut made = Map::new();
    let given = operation.get("parameters").and_then(Value::as_array);
    let mut parameters: Vec<Value> = given.into_iter().flatten().map(parameter).collect();
    for (name, value) in operation {
        match name.as_str() {
            "parameters" => {}
            "requestBody" => {
                let content = value.get("content").and_then(Value::as_object);
                let types: Vec<&String> = content
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name)
                    .collect();
                let schema = content
                    .and_then(|content| content.values().next())
                    .and_then(|media| media.get("schema"));
                let required = value
                    .get("required")
                    .and_then(Value::as_bool)
                    .unwrap_or_default();
                parameters.push(json!({
                    "name": "body", "in": "body", "required": required, "schema": schema.map_or_else(|| json!({}), schema_of),
                }));
                made.insert("consumes".to_owned(), json!(types));
            }
            "responses" => drop(made.insert("responses".to_owned(), responses(value))),
            _ => drop(made.insert(name.clone(), value.clone())),
        }
    }
    made.insert("parameters".to_owned(), parameters.into());
    made.entry("consumes").or_insert_with(|| json!(["*/*"]));
    made.insert(
        "produces".to_owned(),
        json!([
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf"
        ]),
    );
    made.insert("schemes".to_owned(), json!(["https"]));
    Value::Object(made)
}

fn responses(responses: &Value) -> Value {
    let entry = |(code, response): (&String, &Value)| {
        let content = response.get("content").and_then(Value::as_object);
        let schema = content
            .and_then(|content| content.values().next())
            .and_then(|media| media.get("schema"));
        let mut made = json!({ "description": response.get("description").cloned().unwrap_or_else(|| json!("")) });
        if let Some(schema) = schema {
            made["schema"] = schema_of(schema);
        }
        (code.clone(), made)
    };
    Value::Object(
        responses
            .as_object()
            .into_iter()
            .flatten()
            .map(entry)
            .collect(),
    )
}

/// In version 2 the type of a parameter stands beside its name.
fn parameter(parameter: &Value) -> Value {
    let Some(parameter) = parameter.as_object() else {
        return parameter.clone();
    };
    let mut made = Map::new();
    for (name, value) in parameter {
        match (name.as_str(), value) {
            ("schema", Value::Object(schema)) => made.extend(
                schema
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            ),
            _ => drop(made.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_unknown_fields_says_nothing_of_the_known_ones() {
        let open = json!({
            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"a": {"type": "string"}}, "description": "Open.",
            "x-kubernetes-group-version-kind": [{"kind": "Ship"}],
        });
        assert_eq!(
            definition(&open),
            json!({"type": "object", "x-kubernetes-group-version-kind": [{"kind": "Ship"}]})
        );
        let nested = json!({"type": "object", "properties": {"spec": open}});
        assert_eq!(
            definition(&nested)["properties"]["spec"],
            json!({
                "description": "Open.", "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-group-version-kind": [{"kind": "Ship"}],
            })
        );
    }
}
