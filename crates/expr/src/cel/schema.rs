//! From the schema of a custom kind to a type, by upstream's rules
//! (<https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration>).

use std::sync::Arc;

use serde_json::Value as Json;

use super::types::Type;
use super::value::ListKind;

impl Type {
    /// The type of what an `openAPIV3Schema` describes. What the schema leaves open is [`Type::Dyn`]; fields that it does not name
    /// cannot be named by expressions either.
    pub fn from_schema(schema: &Json) -> Self {
        read(schema, "object")
    }

    /// The same for the schema of a whole object of the API, which always has `apiVersion`, `kind`, `metadata.name` and
    /// `metadata.generateName`, and for expressions no other part of `metadata`.
    pub fn from_root_schema(schema: &Json) -> Self {
        with_identity(read(schema, "object"))
    }
}

/// Adds what every object of the API has.
fn with_identity(of: Type) -> Type {
    let Type::Object(object) = of else {
        return of;
    };
    let mut object = (*object).clone();
    for name in ["apiVersion", "kind"] {
        object.fields.insert(name.to_owned(), Type::String);
    }
    let texts = ["name", "generateName"].map(|name| (name.to_owned(), Type::String));
    let metadata = Type::object(&format!("{}.metadata", object.name), texts);
    object.fields.insert("metadata".to_owned(), metadata);
    Type::Object(Arc::new(object))
}

fn flag(schema: &Json, keyword: &str) -> bool {
    schema
        .get(keyword)
        .and_then(Json::as_bool)
        .unwrap_or_default()
}

fn read(schema: &Json, name: &str) -> Type {
    if flag(schema, "x-kubernetes-int-or-string") {
        return Type::Dyn;
    }
    let text = |keyword: &str| {
        schema
            .get(keyword)
            .and_then(Json::as_str)
            .unwrap_or_default()
    };
    match text("type") {
        "boolean" => Type::Bool,
        "integer" => Type::Int,
        "number" => Type::Double,
        "string" => match text("format") {
            "byte" => Type::Bytes,
            "duration" => Type::Duration,
            "date" | "date-time" | "datetime" => Type::Timestamp,
            _ => Type::String,
        },
        "array" => {
            let items = schema
                .get("items")
                .map_or(Type::Dyn, |items| read(items, &format!("{name}.@idx")));
            Type::List(
                Arc::new(items),
                list_kind(schema, text("x-kubernetes-list-type")),
            )
        }
        "object" => read_object(schema, name),
        _ => Type::Dyn,
    }
}

fn list_kind(schema: &Json, name: &str) -> ListKind {
    match name {
        "set" => ListKind::Set,
        "map" => {
            let keys = schema
                .get("x-kubernetes-list-map-keys")
                .and_then(Json::as_array);
            let keys = keys.into_iter().flatten().filter_map(Json::as_str);
            ListKind::Map(keys.map(str::to_owned).collect())
        }
        _ => ListKind::Atomic,
    }
}

fn read_object(schema: &Json, name: &str) -> Type {
    let properties = schema.get("properties").and_then(Json::as_object);
    match schema.get("additionalProperties") {
        Some(values) if values.is_object() => {
            return Type::map(read(values, &format!("{name}.@elem")));
        }
        Some(Json::Bool(true)) if properties.is_none() => return Type::map(Type::Dyn),
        _ => {}
    }
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    if properties.is_none() && flag(schema, "x-kubernetes-preserve-unknown-fields") && !embedded {
        return Type::Dyn;
    }
    let field = |(field, schema): (&String, &Json)| {
        (field.clone(), read(schema, &format!("{name}.{field}")))
    };
    let object = Type::object(name, properties.into_iter().flatten().map(field));
    if embedded {
        with_identity(object)
    } else {
        object
    }
}
