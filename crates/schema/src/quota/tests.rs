#![allow(clippy::unwrap_used)] // Tests.

use expect_test::expect;
use serde_json::{Value, json};

use super::*;

fn container(name: &str, requests: &Value, limits: &Value) -> Value {
    json!({ "name": name, "resources": { "requests": requests, "limits": limits } })
}

#[test]
fn objects_use_what_upstream_counts() {
    let pod = json!({ "spec": {
        "containers": [
            container("a", &json!({"cpu": "500m", "memory": "1Gi", "example.com/gpu": 1}), &json!({"cpu": 1})),
            container("b", &json!({"cpu": "250m"}), &json!({})),
        ],
        "initContainers": [container("i", &json!({"cpu": "1", "memory": "64Mi"}), &json!({}))],
        "overhead": { "cpu": "10m" },
    }});
    let mut ended = pod.clone();
    ended["status"] = json!({ "phase": "Failed" });
    let cases = [
        ("", "pods", pod),
        ("", "pods", ended),
        ("apps", "deployments", json!({})),
        ("", "secrets", json!({})),
        (
            "",
            "services",
            json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}}),
        ),
        (
            "",
            "services",
            json!({"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}}),
        ),
        (
            "",
            "persistentvolumeclaims",
            json!({"spec": {
            "storageClassName": "gold", "resources": {"requests": {"storage": "10Gi"}}}}),
        ),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|(group, plural, object)| text(&usage(group, plural, object)))
        .collect();
    expect![[r"
        count/pods=1,cpu=1010m,limits.cpu=1010m,memory=1Gi,pods=1,requests.cpu=1010m,requests.example.com/gpu=1,requests.memory=1Gi
        count/pods=1
        count/deployments.apps=1
        count/secrets=1,secrets=1
        count/services=1,services=1,services.loadbalancers=1,services.nodeports=2
        count/services=1,services=1,services.loadbalancers=0,services.nodeports=0
        count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/requests.storage=10Gi,persistentvolumeclaims=1,requests.storage=10Gi"]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn scopes_select_pods() {
    let best_effort = json!({ "spec": { "containers": [{ "name": "a" }] } });
    let classy = json!({ "spec": { "activeDeadlineSeconds": 5, "priorityClassName": "high",
        "containers": [container("a", &json!({"cpu": "1"}), &json!({}))] } });
    let quota = |spec: Value| scopes_for(&json!({ "spec": spec }));
    let by_class = |operator: &str, values: Value| {
        quota(json!({ "scopeSelector": { "matchExpressions": [
            { "scopeName": "PriorityClass", "operator": operator, "values": values } ] } }))
    };
    let cases = [
        (quota(json!({})), [true, true]),
        (quota(json!({"scopes": ["BestEffort"]})), [true, false]),
        (
            quota(json!({"scopes": ["NotBestEffort", "Terminating"]})),
            [false, true],
        ),
        (quota(json!({"scopes": ["NotTerminating"]})), [true, false]),
        (by_class("In", json!(["high"])), [false, true]),
        (by_class("NotIn", json!(["low"])), [false, true]),
        (by_class("Exists", json!([])), [false, true]),
        (by_class("DoesNotExist", json!([])), [true, false]),
        (
            quota(json!({"scopes": ["CrossNamespacePodAffinity"]})),
            [false, false],
        ),
    ];
    for (scopes, expected) in cases {
        let found = [&best_effort, &classy].map(|pod| covers(&scopes, "", "pods", pod));
        assert_eq!(found, expected, "{scopes:?}");
    }
    let scoped = quota(json!({"scopes": ["BestEffort"]}));
    assert!(!covers(&scoped, "", "secrets", &json!({})));
}

#[test]
fn what_must_be_stated_is_named_by_container() {
    let pod = json!({ "spec": { "containers": [
        container("a", &json!({"cpu": "1"}), &json!({})),
        container("b", &json!({}), &json!({"memory": "1Gi"})),
    ] } });
    let limited = ["requests.cpu", "limits.memory", "pods", "memory"];
    let limited = limited.map(str::to_owned).into();
    expect![[r#"
        [
            "limits.memory for: a",
            "memory for: a,b",
            "requests.cpu for: b",
        ]
    "#]]
    .assert_debug_eq(&missing_requirements(&pod, &limited));
}

#[test]
fn differences_say_only_what_changes() {
    let before = usage(
        "",
        "services",
        &json!({"spec": {"type": "NodePort", "ports": [{}]}}),
    );
    let after = usage(
        "",
        "services",
        &json!({"spec": {"type": "ClusterIP", "ports": [{}]}}),
    );
    assert_eq!(text(&difference(&after, &before)), "services.nodeports=-1");
    assert_eq!(counted_kind("count/jobs.batch"), ("batch", "jobs"));
    assert_eq!(counted_kind("limits.cpu"), ("", "pods"));
}
