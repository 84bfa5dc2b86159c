// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::Type;

fn check(original: &Value, modified: &Value, current: &Value, expected: &Expect) {
    let kind = Type::built_in("apps", "v1", "Deployment").unwrap();
    let result = merged(original, modified, current, kind.structure());
    expected.assert_eq(&result.to_string());
    assert_eq!(
        merged(modified, modified, &result, kind.structure()),
        result,
        "not stable"
    );
}

fn with(containers: &Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

#[test]
fn what_is_applied_no_more_goes_and_what_others_set_stays() {
    check(
        &json!({"metadata": {"labels": {"a": "1", "b": "1"}}, "spec": {"paused": true}}),
        &json!({"metadata": {"labels": {"a": "2"}}, "spec": {}}),
        &json!({"metadata": {"labels": {"a": "1", "b": "1", "z": "1"}, "uid": "u"}, "spec": {"paused": true, "replicas": 3}}),
        &expect![[r#"{"metadata":{"labels":{"a":"2","z":"1"},"uid":"u"},"spec":{"replicas":3}}"#]],
    );
}

#[test]
fn lists_merge_by_key() {
    check(
        &with(
            &json!([{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]),
        ),
        &with(&json!([{"name": "a", "image": "a:2", "args": ["1"]}])),
        &with(
            &json!([{"name": "sidecar"}, {"name": "a", "image": "a:1", "args": ["0", "2"], "imagePullPolicy": "Always",
            "env": [{"name": "X", "value": "1"}, {"name": "Y"}]}, {"name": "b"}]),
        ),
        &expect![[
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"sidecar"},{"args":["1"],"image":"a:2","imagePullPolicy":"Always","name":"a"}]}}}}"#
        ]],
    );
}

#[test]
fn unions_are_what_was_given_when_they_change() {
    let current =
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let same = json!({"spec": {"strategy": {"type": "RollingUpdate"}}});
    check(
        &json!(null),
        &same,
        &current,
        &expect![[
            r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":1},"type":"RollingUpdate"}}}"#
        ]],
    );
    check(
        &same,
        &json!({"spec": {"strategy": {"type": "Recreate"}}}),
        &current,
        &expect![[r#"{"spec":{"strategy":{"type":"Recreate"}}}"#]],
    );
}
