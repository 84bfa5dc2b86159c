// The snapshots are written by expect-test.
#![allow(clippy::needless_raw_string_hashes)]

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::Rules;

fn schema() -> Value {
    json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "self.least <= self.most", "message": "least must not exceed most", "fieldPath": ".least"},
            {"rule": "!has(self.name) || self.name.startsWith('a')", "messageExpression": "'name is ' + self.name"},
            {"rule": "has(oldSelf.name) == has(self.name)", "message": "name may not come or go", "reason": "FieldValueForbidden"},
        ],
        "properties": {
            "least": {"type": "integer"},
            "most": {"type": "integer"},
            "name": {"type": "string", "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "name is immutable"},
                {"rule": "oldSelf.hasValue() || self != 'aold'", "optionalOldSelf": true, "message": "aold is not for new objects"}]},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": {
                "type": "object",
                "x-kubernetes-validations": [{"rule": "self.p > 0"}, {"rule": "self.p >= oldSelf.p", "message": "ports only grow"}],
                "properties": {"n": {"type": "string"}, "p": {"type": "integer"}}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string", "x-kubernetes-validations": [{"rule": "self != ''"}]}},
            "ratio": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "x-kubernetes-validations": [{"rule": "self.a / self.b > 1"}]},
        },
    }}})
}

fn check(object: &Value, old: Option<&Value>, expected: &Expect) {
    assert_eq!(
        Rules::check(&schema(), "schema").len(),
        0,
        "{:?}",
        Rules::check(&schema(), "schema")
    );
    let causes = Rules::of(&schema()).validate(object, old);
    let lines: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}\n", cause.field, cause.message))
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn rules_are_followed_along_the_object() {
    check(
        &json!({"spec": {"least": 1, "most": 2, "name": "a"}}),
        None,
        &expect![[""]],
    );
    check(
        &json!({"spec": {"least": 3, "most": 2, "name": "b", "ports": [{"n": "x", "p": 1}, {"n": "y", "p": 0}],
            "labels": {"k": ""}, "ratio": {"a": 1, "b": 0}}}),
        None,
        &expect![[r#"
            spec.least: Invalid value: "object": least must not exceed most
            spec: Invalid value: "object": name is b
            spec.labels[k]: Invalid value: "string": failed rule: self != ''
            spec.ports[1]: Invalid value: "object": failed rule: self.p > 0
            spec.ratio: Invalid value: "object": division by zero evaluating rule: self.a / self.b > 1
        "#]],
    );
    check(
        &json!({"spec": {"least": 1}}),
        None,
        &expect![[r#"
        spec.least: Invalid value: "object": no such key: most evaluating rule: least must not exceed most
    "#]],
    );
}

#[test]
fn changes_are_compared_with_what_was() {
    let old = json!({"spec": {"least": 3, "most": 2, "name": "a", "ports": [{"n": "x", "p": 5}, {"n": "y", "p": 0}]}});
    check(&old, Some(&old), &expect![[""]]);
    let new = json!({"spec": {"least": 3, "most": 1, "name": "ab", "ports": [{"n": "y", "p": 0}, {"n": "x", "p": 4}]}});
    check(
        &new,
        Some(&old),
        &expect![[r#"
        spec.least: Invalid value: "object": least must not exceed most
        spec.name: Invalid value: "string": name is immutable
        spec.ports[1]: Invalid value: "object": ports only grow
    "#]],
    );
    check(
        &json!({"spec": {"least": 1, "most": 1}}),
        Some(&old),
        &expect![[r#"
            spec: Forbidden: name may not come or go
        "#]],
    );
    check(
        &json!({"spec": {"least": 1, "most": 1, "name": "aold"}}),
        None,
        &expect![[r#"
            spec.name: Invalid value: "string": aold is not for new objects
        "#]],
    );
}

#[test]
fn rules_that_are_none_are_told() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "integer", "x-kubernetes-validations": [
            {"rule": "self.b"}, {"rule": "self"}, {"rule": ""}, {"rule": "self > 0", "messageExpression": "1"},
            {"rule": "self > 0", "reason": "Other"}, {"rule": "self > 0", "fieldPath": ".x"},
            {"rule": "self > 0", "optionalOldSelf": true}]},
        "l": {"type": "array", "items": {"type": "integer", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}},
    }});
    let causes = Rules::check(&schema, "spec.versions[0].schema.openAPIV3Schema");
    let lines: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}\n", cause.field, cause.message))
        .collect();
    expect![[r#"
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[0].rule: Invalid value: {"rule":"self.b"}: compilation failed: ERROR: <input>:1:5: type 'int' does not support field selection
         | self.b
         | ....^
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[1].rule: Invalid value: {"rule":"self"}: compilation failed: cel expression must evaluate to a bool
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[2].rule: Required value: rule is not specified
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[3].messageExpression: Invalid value: {"messageExpression":"1","rule":"self > 0"}: compilation failed: messageExpression must evaluate to a string
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[4].reason: Unsupported value: "Other": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[5].fieldPath: Invalid value: ".x": fieldPath must be a valid path: does not refer to a valid field: .x
        spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[6].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule
        spec.versions[0].schema.openAPIV3Schema.properties[l].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema
    "#]].assert_eq(&lines.concat());
}

#[test]
fn rules_that_may_cost_too_much_are_refused() {
    let list = |limits: Value| {
        let mut list = json!({"type": "array", "items": {"type": "string"}});
        list.as_object_mut()
            .unwrap()
            .extend(limits.as_object().unwrap().clone());
        list
    };
    let rules = |list: Value, rules: &[Value]| {
        let schema = json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "properties": {"names": list, "min": {"type": "integer"}},
            "x-kubernetes-validations": rules,
        }}});
        let causes = Rules::check(&schema, "schema").into_iter();
        causes
            .map(|cause| format!("{}: {}\n", cause.field, cause.message))
            .collect::<String>()
    };
    let open = || list(json!({}));
    let limited = || list(json!({"maxItems": 10}));
    let all = json!({"rule": "self.names.all(x, self.names.exists(y, x == y))"});
    let mut shown = rules(open(), std::slice::from_ref(&all));
    shown += "--- with maxItems\n";
    shown += &rules(limited(), &[all]);
    shown += "--- the message\n";
    shown += &rules(
        limited(),
        &[json!({"rule": "self.min > 1", "messageExpression": "'min is ' + string(self.min)"})],
    );
    shown += &rules(
        limited(),
        &[json!({"rule": "self.min > 1", "messageExpression": "'min is %d'.format([self.min])"})],
    );
    expect![[r#"
        schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
        schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
        --- with maxItems
        schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of 3.1x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
        --- the message
        schema.properties[spec].x-kubernetes-validations[0].messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
        schema.properties[spec].x-kubernetes-validations[0].messageExpression: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
    "#]].assert_eq(&shown);
}

#[test]
fn each_rule_may_be_affordable_and_all_together_not() {
    let rule = json!({"rule": format!("self.contains('{}')", "x".repeat(300))});
    let schema = json!({"type": "object", "properties": {
        "text": {"type": "string", "x-kubernetes-validations": vec![rule; 12]},
    }});
    let causes = Rules::check(&schema, "schema").into_iter();
    let shown: String = causes
        .map(|cause| format!("{}: {}\n", cause.field, cause.message))
        .collect();
    expect![[r#"
        schema.properties[text].x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema.properties[text].x-kubernetes-validations[1].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema.properties[text].x-kubernetes-validations[2].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema.properties[text].x-kubernetes-validations[3].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema
        schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of 1.132463x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)
    "#]].assert_eq(&shown);
}
