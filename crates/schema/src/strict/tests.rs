// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn deployment() -> Type {
    Type::built_in("apps", "v1", "Deployment").unwrap()
}

fn check_report(kind: &Type, mut object: Value, expected: &Expect) {
    let report = check(&mut object, kind);
    let mistyped: Vec<String> = report.mistyped.iter().map(ToString::to_string).collect();
    let missing: Vec<String> = missing(&object, kind)
        .iter()
        .map(ToString::to_string)
        .collect();
    expected.assert_eq(&format!(
        "{object}\nunknown: {:?}\nmistyped: {mistyped:#?}\nmissing: {missing:?}\n",
        report.unknown
    ));
}

#[test]
fn unknown_fields_are_dropped_and_told_by_path() {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"x": null}},
        "spec": {"replica": 1, "replicas": 2.0, "selector": {}, "template": {"spec": {
            "contianers": [], "containers": [{"name": "a", "imagee": 1, "resources": {"limits": {"cpu": 1}}}]}}}});
    check_report(
        &deployment(),
        object,
        &expect![[r#"
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"x":""},"name":"a"},"spec":{"replicas":2,"selector":{},"template":{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"1"}}}]}}}}
        unknown: ["spec.replica", "spec.template.spec.containers[0].imagee", "spec.template.spec.contianers"]
        mistyped: []
        missing: []
    "#]],
    );
}

#[test]
fn wrong_types_are_told_with_what_was_found() {
    let object = json!({"spec": {"replicas": "three", "paused": "yes", "minReadySeconds": 1.5, "selector": [],
        "revisionHistoryLimit": 3_000_000_000u64,
        "template": {"spec": {"containers": [{"name": 5, "args": "x", "ports": [{"containerPort": "80"}],
            "resources": {"limits": {"cpu": "one"}}}]}}}, "metadata": {"creationTimestamp": "today"}});
    check_report(
        &deployment(),
        object,
        &expect![[r#"
        {"metadata":{"creationTimestamp":"today"},"spec":{"minReadySeconds":1.5,"paused":"yes","replicas":"three","revisionHistoryLimit":3000000000,"selector":[],"template":{"spec":{"containers":[{"args":"x","name":5,"ports":[{"containerPort":"80"}],"resources":{"limits":{"cpu":"one"}}}]}}}}
        unknown: []
        mistyped: [
            "metadata.creationTimestamp: Invalid value: \"today\": must be a time as in RFC 3339",
            "spec.minReadySeconds: Invalid value: 1.5: must be a 32-bit integer, not a fraction",
            "spec.paused: Invalid value: \"yes\": must be true or false, not a string",
            "spec.replicas: Invalid value: \"three\": must be a 32-bit integer, not a string",
            "spec.revisionHistoryLimit: Invalid value: 3000000000: must be a 32-bit integer, not an integer",
            "spec.selector: Invalid value: []: must be an object, not a list",
            "spec.template.spec.containers[0].args: Invalid value: \"x\": must be a list, not a string",
            "spec.template.spec.containers[0].name: Invalid value: 5: must be a string, not an integer",
            "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: \"80\": must be a 32-bit integer, not a string",
            "spec.template.spec.containers[0].resources.limits.cpu: Invalid value: \"one\": must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ]
        missing: []
    "#]],
    );
    let secret = Type::built_in("", "v1", "Secret").unwrap();
    check_report(
        &secret,
        json!({"data": {"a": "$", "b": null, "c": "YQ=="}, "type": null}),
        &expect![[r#"
            {"data":{"a":"$","b":"","c":"YQ=="}}
            unknown: []
            mistyped: [
                "data.a: Invalid value: \"$\": must be base64",
            ]
            missing: []
        "#]],
    );
}

#[test]
fn any_value_is_survived() {
    for value in [
        json!(null),
        json!(1),
        json!([]),
        json!({"metadata": 1}),
        json!({"spec": []}),
    ] {
        check(&mut value.clone(), &deployment());
        missing(&value, &deployment());
    }
}

#[test]
fn what_is_checked_and_defaulted_decodes_into_its_type() {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "creationTimestamp": null},
        "spec": {"replicas": 2.0, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
            "containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": 1.5}}, "env": null,
                "livenessProbe": {"httpGet": {"port": "http"}, "bogus": 1}}]}}}});
    let report = check(&mut object, &deployment());
    assert_eq!(report.mistyped, []);
    crate::defaults::apply("apps", "v1", "Deployment", &mut object);
    let typed: k8s_openapi::api::apps::v1::Deployment =
        serde_json::from_value(object.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), object);
}
