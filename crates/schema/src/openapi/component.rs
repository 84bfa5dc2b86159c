//! The schemas of a document.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{Resource, Target};
use crate::fact::{self, FieldFact, ListKind, MapKind, Merge, Retain, Shape, TypeFact};
use crate::generated::{KINDS, describe};

const SCHEMAS: &str = "#/components/schemas/";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The name of the schema of a kind: the generated table's, or as upstream names custom ones.
pub(super) fn name(target: Target<'_>, kind: &str) -> String {
    if let Some(fact) = fact::built_in(target.group, target.version, kind) {
        return fact.name.to_owned();
    }
    let reversed: Vec<&str> = target.group.rsplit('.').collect();
    format!("{}.{}.{kind}", reversed.join("."), target.version)
}

/// A reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

pub(super) fn components(target: Target<'_>, resources: &[Resource<'_>]) -> Map<String, Value> {
    let mut schemas = built_in(target, resources);
    for resource in resources {
        let list = format!("{}List", resource.kind);
        let own = name(target, resource.kind);
        // A kind that no table describes is any object: a reference must not lead nowhere.
        let unknown = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        match resource.schema {
            Some(schema) => {
                schemas.insert(own, custom(target, resource, schema));
            }
            None if !schemas.contains_key(&own) => {
                schemas.insert(own, custom(target, resource, &unknown()));
            }
            None => {}
        }
        schemas.insert(
            list_name(target, resource.kind),
            list_schema(target, resource, &list),
        );
    }
    schemas
}

pub(super) fn list_name(target: Target<'_>, kind: &str) -> String {
    format!("{}List", name(target, kind))
}

/// The schemas of the built-in kinds with all that they refer to, and those that every document has.
fn built_in(target: Target<'_>, resources: &[Resource<'_>]) -> Map<String, Value> {
    let settings = schemars::generate::SchemaSettings::openapi3()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = SchemaGenerator::new(settings);
    if resources.iter().any(|resource| resource.schema.is_none()) {
        describe::register(&mut generator, target.group, target.version);
    }
    describe::register_shared(&mut generator);
    let facts = facts();
    let mut schemas = Map::new();
    for (name, mut schema) in generator.take_definitions(false) {
        wrap_references(&mut schema);
        if let Some(fact) = facts.get(name.as_str()) {
            extend(&mut schema, fact);
            if let Some((group, version, kind)) = fact.kind {
                schema["x-kubernetes-group-version-kind"] =
                    json!([{"group": group, "version": version, "kind": kind}]);
            }
        }
        schemas.insert(name, schema);
    }
    schemas
}

/// All types that the kinds consist of, by name.
fn facts() -> BTreeMap<&'static str, &'static TypeFact> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<&'static TypeFact> = KINDS.iter().map(|kind| kind.fact).collect();
    while let Some(fact) = pending.pop() {
        if found.insert(fact.name, fact).is_none() {
            pending.extend(fact.fields.iter().filter_map(|field| object(&field.shape)));
        }
    }
    found
}

fn object(shape: &'static Shape) -> Option<&'static TypeFact> {
    match shape {
        Shape::Object(fact) => Some(fact),
        Shape::Array(inner) | Shape::Map(inner) => object(inner),
        _ => None,
    }
}

/// In OpenAPI 3.0 nothing may stand beside a reference: `{$ref, description}` becomes
/// `{allOf: [{$ref}], description}`.
fn wrap_references(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.len() > 1
                && map.get("$ref").is_some_and(Value::is_string)
                && let Some(target) = map.remove("$ref")
            {
                map.insert("allOf".to_owned(), json!([{"$ref": target}]));
            }
            map.values_mut().for_each(wrap_references);
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        _ => {}
    }
}

fn extend(schema: &mut Value, fact: &TypeFact) {
    if fact.map == MapKind::Atomic {
        schema["x-kubernetes-map-type"] = json!("atomic");
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for field in fact.fields {
        if let Some(Value::Object(property)) = properties.get_mut(field.name) {
            extend_field(property, field);
        }
    }
}

fn extend_field(property: &mut Map<String, Value>, field: &FieldFact) {
    let mut set = |name: &str, value: Value| {
        property.insert(format!("x-kubernetes-{name}"), value);
    };
    match field.list {
        ListKind::Map(keys) => {
            set("list-type", json!("map"));
            set("list-map-keys", json!(keys.names().collect::<Vec<_>>()));
        }
        ListKind::Set => set("list-type", json!("set")),
        ListKind::Atomic if matches!(field.shape, Shape::Array(_)) => {
            set("list-type", json!("atomic"));
        }
        ListKind::Atomic => {}
    }
    if field.map == MapKind::Atomic {
        set("map-type", json!("atomic"));
    }
    let strategy = match (field.merge, field.retain) {
        (Merge::Replace, Retain::All) => return,
        (Merge::Replace, Retain::Listed) => "retainKeys",
        (_, Retain::Listed) => "merge,retainKeys",
        (_, Retain::All) => "merge",
    };
    set("patch-strategy", json!(strategy));
    if let Merge::By(key) = field.merge {
        set("patch-merge-key", json!(key));
    }
}

/// What upstream says of the fields that every object has; its clients look for the first words.
const TYPE_META: [(&str, &str); 2] = [
    (
        "apiVersion",
        "APIVersion defines the versioned schema of this representation of an object. More info: \
         https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    ),
    (
        "kind",
        "Kind is a string value representing the REST resource this object represents. More info: \
         https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    ),
];

/// The schema of a custom kind, with the fields that every object has.
fn custom(target: Target<'_>, resource: &Resource<'_>, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["x-kubernetes-group-version-kind"] = json!([target.kind(resource.kind)]);
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    let properties = &mut schema["properties"];
    for (name, description) in TYPE_META {
        if properties.get(name).is_none() {
            properties[name] = json!({"type": "string", "description": description});
        }
    }
    properties["metadata"] = json!({
        "description": "Standard object's metadata.",
        "allOf": [reference(OBJECT_META)],
    });
    schema
}

fn list_schema(target: Target<'_>, resource: &Resource<'_>, list: &str) -> Value {
    json!({
        "description": format!("{list} is a list of {}", resource.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [reference(LIST_META)]},
            "items": {"type": "array", "items": reference(&name(target, resource.kind))},
        },
        "x-kubernetes-group-version-kind": [target.kind(list)],
    })
}
