// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::Type;

fn pod_template(containers: &Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

fn check(target: &Value, patch: &Value, expected: &Expect) {
    let kind = Type::built_in("apps", "v1", "Deployment").unwrap();
    let mut result = target.clone();
    let text = match strategic(&mut result, patch, kind.structure()) {
        Ok(()) => result.to_string(),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&text);
}

#[test]
fn containers_merge_by_name_and_new_ones_come_first() {
    let target =
        pod_template(&json!([{"name": "a", "image": "a:1", "args": ["x"]}, {"name": "b"}]));
    let patch = pod_template(&json!([{"name": "a", "image": "a:2"}, {"name": "c"}]));
    check(
        &target,
        &patch,
        &expect![[
            r#"{"spec":{"template":{"spec":{"containers":[{"args":["x"],"image":"a:2","name":"a"},{"name":"c"},{"name":"b"}]}}}}"#
        ]],
    );
}

#[test]
fn items_are_deleted_and_lists_replaced_by_directive() {
    let target = pod_template(&json!([{"name": "a"}, {"name": "b"}]));
    let delete = pod_template(&json!([{"name": "a", "$patch": "delete"}]));
    check(
        &target,
        &delete,
        &expect![[r#"{"spec":{"template":{"spec":{"containers":[{"name":"b"}]}}}}"#]],
    );
    let replace = pod_template(&json!([{"$patch": "replace"}, {"name": "z"}]));
    check(
        &target,
        &replace,
        &expect![[r#"{"spec":{"template":{"spec":{"containers":[{"name":"z"}]}}}}"#]],
    );
    check(
        &target,
        &json!({"spec": {"$patch": "replace", "replicas": 1}}),
        &expect![[r#"{"spec":{"replicas":1}}"#]],
    );
    check(
        &target,
        &json!({"spec": {"template": null}}),
        &expect![[r#"{"spec":{}}"#]],
    );
}

#[test]
fn order_and_primitive_directives_are_followed() {
    let target = json!({"metadata": {"finalizers": ["a", "b", "c"]}});
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"], "finalizers": ["d"],
        "$setElementOrder/finalizers": ["d", "c"]}});
    check(
        &target,
        &patch,
        &expect![[r#"{"metadata":{"finalizers":["d","a","c"]}}"#]],
    );
    let target = pod_template(&json!([{"name": "a"}, {"name": "b"}, {"name": "s"}]));
    let mut patch = pod_template(&json!([{"name": "n", "image": "n:1"}]));
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] =
        json!([{"name": "b"}, {"name": "n"}, {"name": "a"}]);
    check(
        &target,
        &patch,
        &expect![[
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"b"},{"image":"n:1","name":"n"},{"name":"a"},{"name":"s"}]}}}}"#
        ]],
    );
}

#[test]
fn retained_keys_clear_the_rest() {
    let target =
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    check(
        &target,
        &patch,
        &expect![[r#"{"spec":{"strategy":{"type":"Recreate"}}}"#]],
    );
}

#[test]
fn bad_patches_are_told_by_path() {
    let target = pod_template(&json!([{"name": "a"}]));
    check(
        &target,
        &pod_template(&json!([{"image": "x"}])),
        &expect![[
            r#"error: spec.template.spec.containers[0]: map: {"image":"x"} does not contain declared merge key: name"#
        ]],
    );
    check(
        &target,
        &pod_template(&json!(["x"])),
        &expect![
            "error: spec.template.spec.containers[0]: must be an object, as the list is merged by a key"
        ],
    );
    check(
        &target,
        &json!({"spec": {"$patch": "burn"}}),
        &expect![[r#"error: spec.$patch: unknown directive "burn"; use merge, replace or delete"#]],
    );
    check(
        &target,
        &json!([]),
        &expect!["error: : the patch and the object must be objects"],
    );
}

#[test]
fn json_patches_apply_whole_or_not_at_all() {
    let try_patch = |patch: Value| {
        let mut target = json!({"a": 1, "l": [1]});
        match json(&mut target, &patch) {
            Ok(()) => target.to_string(),
            Err(error) => format!("{error} {target}"),
        }
    };
    expect![[r#"{"a":1,"l":[1,2]}"#]].assert_eq(&try_patch(
        json!([{"op": "add", "path": "/l/-", "value": 2}]),
    ));
    expect![[r#"remove operation does not apply: doc is missing path: "/b": missing value {"a":1,"l":[1]}"#]].assert_eq(&try_patch(
        json!([{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/b"}]),
    ));
    expect![[r#"testing value /a failed: test failed {"a":1,"l":[1]}"#]].assert_eq(&try_patch(
        json!([{"op": "test", "path": "/a", "value": 2}]),
    ));
    expect![[r#"error decoding patch: unknown variant `burn`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test` {"a":1,"l":[1]}"#]].assert_eq(&try_patch(json!([{"op": "burn", "path": "/a"}])));
    expect![[r#"error decoding patch: invalid type: map, expected a sequence {"a":1,"l":[1]}"#]]
        .assert_eq(&try_patch(json!({"a": 1})));
}

#[test]
fn merge_patches_remove_by_null() {
    let mut target = json!({"a": {"b": 1, "c": 2}});
    merge(&mut target, &json!({"a": {"b": null, "d": [1]}}));
    assert_eq!(target, json!({"a": {"c": 2, "d": [1]}}));
}
