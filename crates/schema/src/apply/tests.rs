// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::Type;

fn deployment() -> Type {
    Type::built_in("apps", "v1", "Deployment").unwrap()
}

fn manager<'a>(name: &'a str, operation: Operation, time: &'a str) -> Manager<'a> {
    Manager {
        name,
        operation,
        api_version: "apps/v1",
        subresource: "",
        time,
        reset: &[],
    }
}

fn map(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

fn apply_by(
    live: Option<&Value>,
    config: &Value,
    manager: &Manager<'_>,
    force: Force,
    kind: &Type,
) -> Result<Value, Error> {
    let merged = apply(live.map(map), map(config), manager, force, kind.structure());
    merged.map(Value::Object)
}

fn applied(live: Option<&Value>, config: &Value, name: &str, force: Force) -> Result<Value, Error> {
    let manager = manager(name, Operation::Apply, "2025-01-01T00:00:00Z");
    apply_by(live, config, &manager, force, &deployment())
}

/// The object without its record, and the record as paths per manager.
fn show(result: Result<Value, Error>) -> String {
    let mut object = match result {
        Ok(object) => object,
        Err(error) => return format!("error: {error}\n"),
    };
    let entries = entry::entries_of(map(&object));
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("managedFields");
    let owners: String = entries
        .iter()
        .map(|entry| {
            format!(
                "{} {}: {}\n",
                entry.manager,
                entry.operation.name(),
                entry.fields.set().paths().join(" ")
            )
        })
        .collect();
    format!("{object}\n{owners}")
}

fn check(result: Result<Value, Error>, expected: &Expect) {
    expected.assert_eq(&show(result));
}

fn web(containers: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}})
}

#[test]
fn what_is_applied_is_owned_in_upstreams_form() {
    let config = web(
        &json!([{"name": "a", "image": "a:1", "ports": [{"containerPort": 80}], "args": ["x"], "resources": {}}]),
    );
    let object = applied(None, &config, "me", Force::No).unwrap();
    expect![[r#"[{"apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:args":{},"f:image":{},"f:name":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}},"f:resources":{}}}}}}},"manager":"me","operation":"Apply","time":"2025-01-01T00:00:00Z"}]"#]].assert_eq(&object["metadata"]["managedFields"].to_string());
    let again = applied(Some(&object), &config, "me", Force::No).unwrap();
    assert_eq!(object, again);
    let set = &object["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(FieldSet::decode(set).encode(), *set);
}

#[test]
fn what_is_applied_no_more_is_removed() {
    let first = web(
        &json!([{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b"}]),
    );
    let mut live = applied(None, &first, "me", Force::No).unwrap();
    // The server's own defaults and another's container stay.
    live["spec"]["progressDeadlineSeconds"] = json!(600);
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let sidecar = json!({"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [{"name": "s", "image": "s"}]}}}});
    let live = applied(Some(&live), &sidecar, "mesh", Force::No).unwrap();
    let second = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}}});
    check(
        applied(Some(&live), &second, "me", Force::No),
        &expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"progressDeadlineSeconds":600,"replicas":2,"template":{"spec":{"containers":[{"image":"a:2","imagePullPolicy":"Always","name":"a"},{"image":"s","name":"s"}]}}}}
            me Apply: .spec.replicas .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].image .spec.template.spec.containers[name="a"].name
            mesh Apply: .spec.template.spec.containers[name="s"] .spec.template.spec.containers[name="s"].image .spec.template.spec.containers[name="s"].name
        "#]],
    );
}

#[test]
fn ports_are_told_apart_by_their_defaulted_protocol() {
    let ports = |ports: &Value| web(&json!([{"name": "a", "ports": ports}]));
    let live = applied(
        None,
        &ports(&json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}])),
        "me",
        Force::No,
    )
    .unwrap();
    let config = ports(&json!([{"containerPort": 53, "protocol": "TCP", "name": "dns"}]));
    check(
        applied(Some(&live), &config, "me", Force::No),
        &expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"a","ports":[{"containerPort":53,"name":"dns","protocol":"TCP"}]}]}}}}
            me Apply: .metadata.labels.app .spec.replicas .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].name .spec.template.spec.containers[name="a"].ports[containerPort=53,protocol="TCP"] .spec.template.spec.containers[name="a"].ports[containerPort=53,protocol="TCP"].containerPort .spec.template.spec.containers[name="a"].ports[containerPort=53,protocol="TCP"].name .spec.template.spec.containers[name="a"].ports[containerPort=53,protocol="TCP"].protocol
        "#]],
    );
}

#[test]
fn changing_what_another_owns_is_a_conflict_unless_forced() {
    let live = applied(
        None,
        &web(&json!([{"name": "a", "image": "a:1"}])),
        "first",
        Force::No,
    )
    .unwrap();
    let same = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2}});
    check(
        applied(Some(&live), &same, "second", Force::No),
        &expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"image":"a:1","name":"a"}]}}}}
            first Apply: .metadata.labels.app .spec.replicas .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].image .spec.template.spec.containers[name="a"].name
            second Apply: .spec.replicas
        "#]],
    );
    let mut config = web(&json!([{"name": "a", "image": "a:2"}]));
    config["spec"]["replicas"] = json!(5);
    check(
        applied(Some(&live), &config, "second", Force::No),
        &expect![[r#"
            error: Apply failed with 2 conflicts: conflicts with "first":
            - .spec.replicas
            - .spec.template.spec.containers[name="a"].image
        "#]],
    );
    check(
        applied(Some(&live), &config, "second", Force::Yes),
        &expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web"},"spec":{"replicas":5,"template":{"spec":{"containers":[{"image":"a:2","name":"a"}]}}}}
            first Apply: .metadata.labels.app .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].name
            second Apply: .metadata.labels.app .spec.replicas .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].image .spec.template.spec.containers[name="a"].name
        "#]],
    );
}

#[test]
fn updates_take_what_they_change() {
    let live = applied(
        None,
        &web(&json!([{"name": "a", "image": "a:1"}])),
        "me",
        Force::No,
    )
    .unwrap();
    let mut new = live.clone();
    new["spec"]["replicas"] = json!(7);
    new["metadata"]["labels"] = json!({"tier": "x"});
    let editor = manager("edit", Operation::Update, "2025-02-02T00:00:00Z");
    updated(
        Some(map(&live)),
        new.as_object_mut().unwrap(),
        &editor,
        deployment().structure(),
    );
    check(
        Ok(new.clone()),
        &expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"tier":"x"},"name":"web"},"spec":{"replicas":7,"template":{"spec":{"containers":[{"image":"a:1","name":"a"}]}}}}
            me Apply: .spec.template.spec.containers[name="a"] .spec.template.spec.containers[name="a"].image .spec.template.spec.containers[name="a"].name
            edit Update: .metadata.labels.tier .spec.replicas
        "#]],
    );
    let mut config = web(&json!([{"name": "a", "image": "a:1"}]));
    config["metadata"]["labels"] = json!({});
    check(
        applied(Some(&new), &config, "me", Force::No),
        &expect![[r#"
            error: Apply failed with 1 conflict: conflict with "edit" using apps/v1: .spec.replicas
        "#]],
    );
    let mut cleared = new.clone();
    cleared["metadata"]["managedFields"] = json!([{}]);
    updated(
        Some(map(&new)),
        cleared.as_object_mut().unwrap(),
        &editor,
        deployment().structure(),
    );
    assert!(cleared["metadata"].get("managedFields").is_none());
}

#[test]
fn lists_that_cannot_be_keyed_are_refused() {
    check(
        applied(None, &web(&json!([{"image": "a"}])), "me", Force::No),
        &expect![[r#"
            error: failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)
        "#]],
    );
    check(
        applied(
            None,
            &web(&json!([{"name": "a"}, {"name": "a"}])),
            "me",
            Force::No,
        ),
        &expect![[r#"
            error: failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]
        "#]],
    );
    let managed = json!({"metadata": {"managedFields": []}});
    check(
        applied(None, &managed, "me", Force::No),
        &expect![[r#"
        error: metadata.managedFields must be nil
    "#]],
    );
}

#[test]
fn custom_kinds_merge_by_their_schema() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "routes": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "path"],
            "items": {"type": "object", "properties": {"host": {"type": "string"}, "path": {"type": "string", "default": "/"}, "to": {"type": "string"}}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}});
    let kind = Type::custom(&schema).unwrap();
    let apply_as = |live: Option<&Value>, config: &Value, name: &str| {
        apply_by(
            live,
            config,
            &manager(name, Operation::Apply, ""),
            Force::No,
            &kind,
        )
    };
    let first = json!({"metadata": {"name": "r"}, "spec": {"routes": [{"host": "a", "to": "x"}], "tags": ["p", "q"], "free": {"l": [1]}}});
    let live = apply_as(None, &first, "one").unwrap();
    let second = json!({"metadata": {"name": "r"}, "spec": {"routes": [{"host": "b", "path": "/", "to": "y"}], "tags": ["q", "z"]}});
    let live = apply_as(Some(&live), &second, "two").unwrap();
    let third = json!({"metadata": {"name": "r"}, "spec": {"tags": ["p"]}});
    check(
        apply_as(Some(&live), &third, "one"),
        &expect![[r#"
            {"metadata":{"name":"r"},"spec":{"routes":[{"host":"b","path":"/","to":"y"}],"tags":["p","q","z"]}}
            one Apply: .spec.tags[="p"]
            two Apply: .spec.routes[host="b",path="/"] .spec.routes[host="b",path="/"].host .spec.routes[host="b",path="/"].path .spec.routes[host="b",path="/"].to .spec.tags[="q"] .spec.tags[="z"]
        "#]],
    );
}

mod lists;
mod table;
