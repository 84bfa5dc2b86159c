// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

fn schema() -> Schema {
    Schema::parse(&json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {"type": "object", "required": ["image"], "properties": {
            "image": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
            "mode": {"type": "string", "enum": ["Fast", "Safe"], "default": "Safe"},
            "replicas": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1, "format": "int32"},
            "ratio": {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": true, "minimum": 0},
            "port": {"x-kubernetes-int-or-string": true},
            "note": {"type": "string", "nullable": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "integer"}}},
            "steps": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {
                "name": {"type": "string"}, "weight": {"type": "integer", "default": 5}}},
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "when": {"type": "string", "format": "date-time"},
            "one": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
        }}}}))
    .unwrap()
}

fn check(mut object: Value, expected: &Expect) {
    let schema = schema();
    let pruned = prune(&mut object, &schema);
    default(&mut object, &schema);
    let causes: String = validate(&object, &schema)
        .iter()
        .map(|cause| format!("{cause}\n"))
        .collect();
    expected.assert_eq(&format!("{object}\npruned: {pruned:?}\n{causes}"));
}

#[test]
fn unknown_fields_are_pruned_and_defaults_set() {
    check(
        json!({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a", "nmae": "b"}, "sepc": {}, "spec": {
            "image": "web", "imagee": "x", "mode": null, "note": null, "port": "http", "labels": {"any": "x"},
            "free": {"known": 1, "other": [1]}, "steps": [{"name": "a", "wait": 1}], "replicas": 3.0}}),
        &expect![[r#"
            {"apiVersion":"a/v1","kind":"A","metadata":{"name":"a"},"spec":{"free":{"known":1,"other":[1]},"image":"web","labels":{"any":"x"},"mode":"Safe","note":null,"port":"http","replicas":3,"steps":[{"name":"a","weight":5}]}}
            pruned: ["metadata.nmae", "sepc", "spec.imagee", "spec.steps[0].wait"]
        "#]],
    );
}

#[test]
fn what_does_not_fit_is_told_in_upstreams_words() {
    check(
        json!({}),
        &expect![[r#"
        {}
        pruned: []
        spec: Required value
    "#]],
    );
    check(
        json!({"spec": []}),
        &expect![[r#"
        {"spec":[]}
        pruned: []
        spec: Invalid value: "array": spec in body must be of type object: "array"
    "#]],
    );
    check(
        json!({"spec": {"image": "Too long", "mode": "Slow", "replicas": 0, "ratio": 0, "port": 1.5, "labels": {"a": 1, "b": "x"},
            "steps": [], "set": ["x", "x"], "when": "now", "one": {"a": 1, "b": 2}, "free": {"known": "x"}}}),
        &expect![[r#"
            {"spec":{"free":{"known":"x"},"image":"Too long","labels":{"a":1,"b":"x"},"mode":"Slow","one":{"a":1,"b":2},"port":1.5,"ratio":0,"replicas":0,"set":["x","x"],"steps":[],"when":"now"}}
            pruned: []
            spec.free.known: Invalid value: "string": spec.free.known in body must be of type integer: "string"
            spec.image: Too long: may not be more than 5 bytes
            spec.image: Invalid value: "Too long": spec.image in body should match '^[a-z]+$'
            spec.labels: Too many: 2: must have at most 1 items
            spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"
            spec.mode: Unsupported value: "Slow": supported values: "Fast", "Safe"
            spec.one: Invalid value: "object": spec.one in body must validate one and only one schema (oneOf)
            spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"
            spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0
            spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1
            spec.set[1]: Duplicate value: "x"
            spec.steps: Invalid value: 0: spec.steps in body should have at least 1 items
            spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"
        "#]],
    );
    check(
        json!({"spec": {"image": "a", "replicas": "2", "steps": [{"name": "a"}, {"name": "a"}], "one": {}}}),
        &expect![[r#"
            {"spec":{"image":"a","mode":"Safe","one":{},"replicas":"2","steps":[{"name":"a","weight":5},{"name":"a","weight":5}]}}
            pruned: []
            spec.one: Invalid value: "object": spec.one in body must validate one and only one schema (oneOf)
            spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"
            spec.steps[1]: Duplicate value: {"name":"a"}
        "#]],
    );
}

#[test]
fn schemas_that_are_none_are_refused() {
    let error = |schema: Value| Schema::parse(&schema).unwrap_err().to_string();
    expect![[r#"schema at "": the schema must be an object"#]].assert_eq(&error(json!([])));
    expect![[r#"schema at "a": unknown type "text"; use object, array, string, integer, number or boolean"#]].assert_eq(&error(json!({"properties": {"a": {"type": "text"}}})));
    expect![[r#"schema at "a.[]": the pattern "(" cannot be compiled"#]].assert_eq(&error(
        json!({"properties": {"a": {"items": {"pattern": "("}}}}),
    ));
    expect![[r#"schema at "": required must be a list of texts"#]]
        .assert_eq(&error(json!({"required": "a"})));
    expect![[r#"schema at "": x-kubernetes-list-map-keys must be given for a map list"#]]
        .assert_eq(&error(json!({"x-kubernetes-list-type": "map"})));
}

#[test]
fn schemas_that_are_not_structural_are_told_so() {
    let schema = json!({"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}},
        "a": {"description": "no type"},
        "l": {"type": "array"},
        "m": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "n"],
            "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "p": {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": {"type": "string"}},
        "q": {"type": "string", "anyOf": [{"type": "object", "default": 1}], "$ref": "#/x"},
        "i": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "d": {"type": "object", "properties": {"n": {"type": "integer", "default": "x"}}, "default": {"z": 1}},
        "u": {"type": "array", "uniqueItems": true, "items": {}},
    }});
    let lines: String = structural::problems(&schema, "schema")
        .iter()
        .map(|cause| format!("{cause}\n"))
        .collect();
    expect![[r#"
        schema.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified
        schema.properties[a].type: Required value: must not be empty for specified object fields
        schema.properties[d].default: Invalid value: {"z":1}: must not have unknown fields: z
        schema.properties[d].default.n: Invalid value: "string": default.n in body must be of type integer: "string"
        schema.properties[d].properties[n].default: Invalid value: "string": default in body must be of type integer: "string"
        schema.properties[l].items: Required value: must be specified
        schema.properties[m].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property
        schema.properties[m].x-kubernetes-list-map-keys[1]: Invalid value: "n": entries must all be names of item properties
        schema.properties[p].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive
        schema.properties[q].$ref: Forbidden: $ref is not supported
        schema.properties[q].anyOf[0].type: Forbidden: must be empty to be structural
        schema.properties[q].anyOf[0].default: Forbidden: must be empty to be structural
        schema.properties[u].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic
        schema.properties[u].items.type: Required value: must not be empty for specified array items
    "#]].assert_eq(&lines);
    assert_eq!(
        structural::problems(&json!({}), "schema")[0].to_string(),
        "schema.type: Required value: must not be empty at the root"
    );
}
