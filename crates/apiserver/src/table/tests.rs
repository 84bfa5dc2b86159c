use seatrial_clock::Random;
use seatrial_schema::fact::{self, Shape};
use serde_json::Map;

use super::rows::Rows;
use super::*;
use crate::accept::Form;
use crate::registry::Registry;

const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Texts on which some cell depends, and some on which none does.
const WORDS: &[&str] = &[
    "",
    "a",
    "b",
    "a-1",
    "10.0.0.1",
    "5",
    "2Gi",
    "quoted \"\\ and ü\n",
    "True",
    "True",
    "False",
    "Unknown",
    "Ready",
    "Ready",
    "PodScheduled",
    "SchedulingGated",
    "Running",
    "Pending",
    "Failed",
    "Succeeded",
    "Completed",
    "Always",
    "Always",
    "NodeLost",
    "PodInitializing",
    "LoadBalancer",
    "ExternalName",
    "ClusterIP",
    "InternalIP",
    "ExternalIP",
    "Complete",
    "Suspended",
    "User",
    "Group",
    "ServiceAccount",
    "ReadWriteOnce",
    "UDP",
    "2025-12-31T23:00:00Z",
    "2025-01-01T00:00:00Z",
];

/// Objects of a kind's fields, some of them there and some not, now and then of a wrong type.
struct Shapes(Random);

impl Shapes {
    fn one_in(&self, many: u64) -> bool {
        self.0.below(many) == 0
    }

    fn value(&self, shape: Shape, depth: u64) -> Value {
        if self.one_in(40) {
            let odd = [
                json!(null),
                json!(7),
                json!("odd"),
                json!([[]]),
                json!({ "odd": [1] }),
            ];
            return odd[self.0.below(5) as usize].clone();
        }
        match shape {
            Shape::Object(fact) => {
                let fields = fact.fields.iter().filter(|field| {
                    let nested = !matches!(field.shape, Shape::Text | Shape::Boolean);
                    let rare = if nested { 2 + depth / 3 } else { 2 };
                    depth < 9 && self.one_in(rare)
                });
                let fields = fields.map(|field| {
                    let value = self.value(field.shape, depth + 1);
                    (field.name.to_owned(), value)
                });
                Value::Object(fields.collect())
            }
            Shape::Array(items) => {
                let count = self.0.below(4);
                (0..count).map(|_| self.value(*items, depth + 1)).collect()
            }
            Shape::Map(values) => {
                let keys = [
                    "a",
                    "limits.cpu",
                    "node-role.kubernetes.io/x",
                    "b\"\\",
                    "cpu",
                ];
                let keys = keys.iter().filter(|_| self.one_in(2));
                let entries = keys.map(|&key| (key.to_owned(), self.value(*values, depth + 1)));
                Value::Object(entries.collect())
            }
            Shape::Boolean => json!(self.one_in(2)),
            Shape::Int32 | Shape::Int64 | Shape::Number => json!(self.0.below(4)),
            Shape::IntOrString if self.one_in(2) => json!(self.0.below(4)),
            Shape::Time | Shape::MicroTime => {
                json!(WORDS[WORDS.len() - 1 - self.0.below(3) as usize])
            }
            _ => json!(WORDS[self.0.below(WORDS.len() as u64) as usize]),
        }
    }
}

/// The row as it is by its meaning: from the whole object.
fn meant(columns: &[Column], object: &Map<String, Value>, with: RowObject) -> Value {
    let mut whole = Object(object.clone());
    let mut row = json!({ "cells": cells(columns, &mut whole, NOW) });
    match with {
        RowObject::Metadata => {
            row["object"] = json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": object.get("metadata"),
            });
        }
        RowObject::Whole => row["object"] = Value::Object(object.clone()),
        RowObject::Nothing => {}
    }
    row
}

#[track_caller]
fn compare(columns: &[Column], object: &Map<String, Value>, with: RowObject, what: &str) {
    let columns = with_name(columns);
    let text = Value::Object(object.clone()).to_string();
    let mut written = Vec::new();
    let rows = Rows::new(Arc::clone(&columns), with, NOW);
    rows.write(&text.clone().into(), &mut written).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written, meant(&columns, object, with), "{what}: {text}");
}

#[test]
fn rows_made_of_parts_are_those_of_the_whole_object() {
    let shapes = Shapes(Random::seeded(11));
    let mut kinds = 0;
    for kind in Registry::built_in().kinds() {
        for version in &kind.versions {
            let Some(fact) = fact::built_in(&kind.group, &version.name, &kind.kind) else {
                continue;
            };
            kinds += 1;
            let rounds = if version.columns.len() > 2 { 150 } else { 10 };
            for round in 0..rounds {
                let Value::Object(mut object) = shapes.value(Shape::Object(fact), 0) else {
                    continue;
                };
                if round > 5 && !object.get("metadata").is_some_and(Value::is_object) {
                    object.insert("metadata".to_owned(), json!({ "name": "n" }));
                }
                let with = match round % 8 {
                    0 => RowObject::Whole,
                    1 => RowObject::Nothing,
                    _ => RowObject::Metadata,
                };
                compare(&version.columns, &object, with, &kind.qualified());
            }
        }
    }
    assert!(kinds > 50, "only {kinds} kinds were compared");
}

#[test]
fn columns_of_definitions_read_what_their_paths_can_reach() {
    let paths = [
        ".spec.size",
        ".status.conditions[?(@.type==\"Ready\")].status",
        ".spec.list[-1].name",
        "..name",
        ".metadata.managedFields[0].manager",
        ".metadata.labels.a\\.b/c",
        ".metadata",
        "[*]",
        ".absent",
        "not[a path",
    ];
    let objects = [
        json!({"apiVersion": "a/v1", "metadata": {"name": "n", "labels": {"a.b/c": "d"},
            "managedFields": [{"manager": "m"}]}, "spec": {"size": 3, "list": [{"name": "x"}, {"name": 1.5}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other"}]}}),
        json!({"metadata": {"name": "n"}, "spec": [1], "status": "odd", "absent": null}),
        json!({"metadata": null}),
        json!({}),
    ];
    for kind in ["string", "integer", "date"] {
        let column = |path: &&str| {
            Column::from_definition(&json!({ "name": "c", "type": kind, "jsonPath": path }))
        };
        let all: Vec<Column> = paths.iter().map(column).collect();
        for object in &objects {
            let object = object.as_object().unwrap();
            compare(&all, object, RowObject::Metadata, "all");
            for (path, column) in paths.iter().zip(&all) {
                compare(
                    std::slice::from_ref(column),
                    object,
                    RowObject::Metadata,
                    path,
                );
            }
        }
    }
}

#[test]
fn heads_say_what_the_columns_are() {
    let rows = Rows::new(with_name(&[Column::age()]), Form::plain().rows, NOW);
    let table = format!(
        "{}]}}",
        rows.head("v1beta1", &json!({ "resourceVersion": "7" }))
    );
    let table: Value = serde_json::from_str(&table).unwrap();
    assert_eq!(
        table,
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1beta1",
            "metadata": { "resourceVersion": "7" },
            "columnDefinitions": [
                { "name": "Name", "type": "string", "format": "name", "description": "Name", "priority": 0 },
                { "name": "Age", "type": "string", "format": "", "description": "Age", "priority": 0 },
            ],
            "rows": [],
        })
    );
}

#[test]
fn ages_are_written_as_kubectl_writes_them() {
    let cases = [
        (5, "5s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (3600, "60m"),
        (4 * 3600 + 60, "4h1m"),
        (30 * 3600, "30h"),
        (3 * 86400, "3d"),
        (3 * 86400 + 3600, "3d1h"),
        (400 * 86400, "400d"),
        (800 * 86400, "2y70d"),
    ];
    for (seconds, text) in cases {
        assert_eq!(duration(seconds), text);
    }
}
