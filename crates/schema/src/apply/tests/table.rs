//! The table of cases: what managers write one after another, and what is left with whom. Times count the
//! steps, so that what was not touched shows.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::super::*;
use crate::Type;

/// A kind with a field of every sort.
fn kind() -> Type {
    let text = || json!({"type": "string"});
    let named = || {
        json!({"type": "object", "properties": {"name": text(), "value": text(), "values": {"type": "array",
        "items": text(), "x-kubernetes-list-type": "set"}}})
    };
    let fields = json!({
        "number": {"type": "integer"},
        "text": text(),
        "list": {"type": "array", "items": text()},
        "set": {"type": "array", "items": text(), "x-kubernetes-list-type": "set"},
        "items": {"type": "array", "items": named(), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {"type": "object", "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "name": text()}}},
        "struct": named(),
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": text(), "b": text()}},
        "map": {"type": "object", "additionalProperties": text()},
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    });
    Type::custom(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}})).unwrap()
}

pub(super) enum Step {
    Apply(&'static str, Value),
    Force(&'static str, Value),
    Update(&'static str, Value),
}

use Step::{Apply, Force as Forced, Update};

fn object(spec: &Value) -> Map<String, Value> {
    let mut object = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n"}});
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Does the steps; a refused one leaves the object as it was. Shows the refusals, what is left of `spec`,
/// and who owns what since which step.
fn run(steps: &[Step]) -> String {
    let kind = kind();
    let mut live: Option<Map<String, Value>> = None;
    let mut shown = String::new();
    for (index, step) in steps.iter().enumerate() {
        let time = (index + 1).to_string();
        let by = |name, operation| Manager {
            name,
            operation,
            api_version: "x/v1",
            subresource: "",
            time: &time,
            reset: &[],
        };
        let (name, spec, force) = match step {
            Apply(name, spec) => (*name, spec, Force::No),
            Forced(name, spec) => (*name, spec, Force::Yes),
            Update(name, spec) => {
                let mut new = object(spec);
                updated(
                    live.as_ref(),
                    &mut new,
                    &by(name, Operation::Update),
                    kind.structure(),
                );
                live = Some(new);
                continue;
            }
        };
        let manager = by(name, Operation::Apply);
        match apply(
            live.as_ref(),
            &object(spec),
            &manager,
            force,
            kind.structure(),
        ) {
            Ok(merged) => live = Some(merged),
            Err(error) => writeln!(shown, "{time}: {error}").unwrap(),
        }
    }
    let live = live.unwrap_or_default();
    writeln!(shown, "{}", live.get("spec").unwrap_or(&Value::Null)).unwrap();
    for entry in entry::entries_of(&live) {
        let paths = entry.fields.set().paths().join(" ").replace(".spec.", ".");
        let operation = entry.operation.name();
        writeln!(
            shown,
            "{} {operation} {}: {paths}",
            entry.manager, entry.time
        )
        .unwrap();
    }
    shown
}

pub(super) fn check(steps: &[Step], expected: &Expect) {
    expected.assert_eq(&run(steps));
}

#[test]
fn scalars() {
    let spec = |number: u8| json!({"number": number});
    // The same value is shared, and no conflict.
    check(
        &[Apply("a", spec(1)), Apply("b", spec(1))],
        &expect![[r#"
        {"number":1}
        a Apply 1: .number
        b Apply 2: .number
    "#]],
    );
    // Another value is one.
    check(
        &[Apply("a", spec(1)), Apply("b", spec(2))],
        &expect![[r#"
        2: Apply failed with 1 conflict: conflict with "a": .spec.number
        {"number":1}
        a Apply 1: .number
    "#]],
    );
    // Force takes the field from all who shared it.
    check(
        &[
            Apply("a", spec(1)),
            Apply("b", spec(1)),
            Forced("c", spec(2)),
        ],
        &expect![[r#"
            {"number":2}
            c Apply 3: .number
        "#]],
    );
    // A manager may change what it owns alone.
    check(
        &[Apply("a", spec(1)), Apply("a", spec(2))],
        &expect![[r#"
        {"number":2}
        a Apply 2: .number
    "#]],
    );
    // What one gives up stays while another has it, and goes with the last.
    check(
        &[
            Apply("a", spec(1)),
            Apply("b", spec(1)),
            Apply("a", json!({})),
        ],
        &expect![[r#"
            {"number":1}
            b Apply 2: .number
            a Apply 3: .spec
        "#]],
    );
    check(
        &[
            Apply("a", spec(1)),
            Apply("b", spec(1)),
            Apply("a", json!({})),
            Apply("b", json!({})),
        ],
        &expect![[r#"
            {}
            a Apply 3: .spec
            b Apply 4: .spec
        "#]],
    );
    // An updater takes what it changes, without being asked.
    check(
        &[
            Apply("a", spec(1)),
            Update("u", spec(2)),
            Apply("a", spec(1)),
        ],
        &expect![[r#"
            3: Apply failed with 1 conflict: conflict with "u" using x/v1: .spec.number
            {"number":2}
            u Update 2: .number
        "#]],
    );
    check(
        &[
            Apply("a", spec(1)),
            Update("u", spec(2)),
            Forced("a", spec(1)),
        ],
        &expect![[r#"
            {"number":1}
            a Apply 3: .number
        "#]],
    );
    // What an updater owns too is not pruned.
    check(
        &[
            Update("u", spec(1)),
            Apply("a", spec(1)),
            Apply("a", json!({})),
        ],
        &expect![[r#"
            {"number":1}
            a Apply 3: .spec
            u Update 1: .spec .number
        "#]],
    );
    // What an updater removes is nobody's.
    check(
        &[Apply("a", spec(1)), Update("u", json!({"text": "x"}))],
        &expect![[r#"
            {"text":"x"}
            u Update 2: .text
        "#]],
    );
    // One name may apply and update: these are two.
    check(
        &[Update("a", spec(1)), Apply("a", spec(2))],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a" using x/v1: .spec.number
            {"number":1}
            a Update 1: .spec .number
        "#]],
    );
    // Nothing changes: nothing is recorded, and times stay.
    check(
        &[
            Apply("a", spec(1)),
            Apply("a", spec(1)),
            Update("u", spec(1)),
        ],
        &expect![[r#"
            {"number":1}
            a Apply 1: .number
        "#]],
    );
    // Null is a value of its own.
    check(
        &[
            Apply("a", json!({"text": null})),
            Apply("b", json!({"text": "x"})),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.text
            {"text":null}
            a Apply 1: .text
        "#]],
    );
}

#[test]
fn structs_and_maps() {
    let named = |name: &str| json!({"struct": {"name": name}});
    let both = json!({"struct": {"name": "x", "value": "y"}});
    // Fields of an object are owned one by one.
    check(
        &[
            Apply("a", named("x")),
            Apply("b", json!({"struct": {"value": "y"}})),
        ],
        &expect![[r#"
            {"struct":{"name":"x","value":"y"}}
            a Apply 1: .struct.name
            b Apply 2: .struct.value
        "#]],
    );
    check(
        &[Apply("a", both.clone()), Apply("a", named("x"))],
        &expect![[r#"
            {"struct":{"name":"x"}}
            a Apply 2: .struct.name
        "#]],
    );
    // The last field takes its object along, with what nobody owns in it.
    check(
        &[Apply("a", both.clone()), Apply("a", json!({"number": 1}))],
        &expect![[r#"
            {"number":1}
            a Apply 2: .number
        "#]],
    );
    check(
        &[
            Apply("a", named("x")),
            Update("u", both.clone()),
            Apply("a", json!({"number": 1})),
        ],
        &expect![[r#"
            {"number":1,"struct":{"value":"y"}}
            a Apply 3: .number
            u Update 2: .struct.value
        "#]],
    );
    // Keys of a map are members themselves.
    let map = |entries: Value| json!({"map": entries});
    check(
        &[
            Apply("a", map(json!({"k": "1", "l": "1"}))),
            Apply("b", map(json!({"l": "1", "m": "1"}))),
            Apply("a", map(json!({"k": "2"}))),
        ],
        &expect![[r#"
            {"map":{"k":"2","l":"1","m":"1"}}
            b Apply 2: .map.l .map.m
            a Apply 3: .map.k
        "#]],
    );
    check(
        &[
            Apply("a", map(json!({"k": "1"}))),
            Apply("b", map(json!({"k": "2"}))),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.map.k
            {"map":{"k":"1"}}
            a Apply 1: .map.k
        "#]],
    );
    // An empty map is a value, and another manager's entries are no conflict with it.
    check(
        &[
            Apply("a", map(json!({}))),
            Apply("b", map(json!({"k": "1"}))),
        ],
        &expect![[r#"
            {"map":{"k":"1"}}
            a Apply 1: .map
            b Apply 2: .map.k
        "#]],
    );
    // Atomic objects are owned whole.
    let whole = |entries: Value| json!({"whole": entries});
    check(
        &[
            Apply("a", whole(json!({"a": "1"}))),
            Apply("b", whole(json!({"b": "1"}))),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.whole
            {"whole":{"a":"1"}}
            a Apply 1: .whole
        "#]],
    );
    check(
        &[
            Apply("a", whole(json!({"a": "1"}))),
            Forced("b", whole(json!({"b": "1"}))),
        ],
        &expect![[r#"
            {"whole":{"b":"1"}}
            b Apply 2: .whole
        "#]],
    );
    check(
        &[
            Apply("a", whole(json!({"a": "1", "b": "1"}))),
            Apply("a", whole(json!({"a": "1"}))),
        ],
        &expect![[r#"
            {"whole":{"a":"1"}}
            a Apply 2: .whole
        "#]],
    );
    // Fields without a schema are owned one by one; their lists are atomic.
    check(
        &[
            Apply("a", json!({"any": {"x": {"y": 1}, "l": [{"name": "1"}]}})),
            Apply("b", json!({"any": {"x": {"z": 1}, "l": [{"name": "2"}]}})),
        ],
        &expect![[r#"
            2: Apply failed with 1 conflict: conflict with "a": .spec.any.l
            {"any":{"l":[{"name":"1"}],"x":{"y":1}}}
            a Apply 1: .any.l .any.x .any.x.y
        "#]],
    );
    check(
        &[
            Apply("a", json!({"any": {"x": {"y": 1}}})),
            Apply("b", json!({"any": {"x": {"z": 1}}})),
            Apply("a", json!({})),
        ],
        &expect![[r#"
            {"any":{"x":{"z":1}}}
            b Apply 2: .any.x .any.x.z
            a Apply 3: .spec
        "#]],
    );
}

#[test]
fn several_conflicts() {
    // Sorted by manager, one line for each field.
    check(
        &[
            Apply("b", json!({"number": 1, "struct": {"name": "x"}})),
            Apply("c", json!({"map": {"k": "1"}, "set": ["x"]})),
            Update(
                "u",
                json!({"number": 1, "struct": {"name": "x"}, "map": {"k": "1"}, "set": ["x"], "text": "t"}),
            ),
            Apply(
                "a",
                json!({"number": 2, "struct": {"name": "y"}, "map": {"k": "2"}, "set": ["x"], "text": "s"}),
            ),
        ],
        &expect![[r#"
            4: Apply failed with 4 conflicts: conflicts with "b":
            - .spec.number
            - .spec.struct.name
            conflicts with "c":
            - .spec.map.k
            conflicts with "u" using x/v1:
            - .spec.text
            {"map":{"k":"1"},"number":1,"set":["x"],"struct":{"name":"x"},"text":"t"}
            b Apply 1: .number .struct.name
            c Apply 2: .map.k .set[="x"]
            u Update 3: .text
        "#]],
    );
}

#[test]
fn quotes_and_letters_in_keys() {
    check(
        &[Apply(
            "a",
            json!({"items": [{"name": "q\"ü"}], "map": {"a.b/c": "1", "": "2"}}),
        )],
        &expect![[r#"
            {"items":[{"name":"q\"ü"}],"map":{"":"2","a.b/c":"1"}}
            a Apply 1: .items[name="q\"ü"] .items[name="q\"ü"].name .map. .map.a.b/c
        "#]],
    );
}

#[test]
fn what_has_become_atomic_is_owned_whole() {
    let free = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n", "managedFields": [
        {"manager": "a", "operation": "Apply", "apiVersion": "x/v1", "fieldsType": "FieldsV1", "time": "0",
            "fieldsV1": {"f:spec": {"f:list": {"v:\"x\"": {}}, "f:whole": {"f:a": {}}, "f:map": {"f:k": {}}}}}]},
        "spec": {"list": ["x"], "whole": {"a": "1"}, "map": {"k": "1"}}});
    let live = free.as_object().unwrap();
    let manager = Manager {
        name: "b",
        operation: Operation::Apply,
        api_version: "x/v1",
        subresource: "",
        time: "1",
        reset: &[],
    };
    let config = object(&json!({"list": ["y"], "whole": {"b": "1"}, "map": {"l": "1"}}));
    let refused = apply(Some(live), &config, &manager, Force::No, kind().structure());
    expect![[r#"
        Apply failed with 2 conflicts: conflicts with "a":
        - .spec.list
        - .spec.whole"#]]
    .assert_eq(&refused.unwrap_err().to_string());
}
