use std::slice::from_ref;
use std::sync::Arc;

use expect_test::expect;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::{Demand, admit};

fn node() -> Node {
    serde_json::from_value(json!({
        "metadata": { "name": "one", "labels": { "kubernetes.io/os": "linux", "disk": "fast", "rank": "7" } },
        "status": { "allocatable": { "cpu": "2", "memory": "1Gi", "ephemeral-storage": "1Gi", "pods": "3", "example.com/lamp": "1" } },
    }))
    .unwrap()
}

fn pod(spec: Value) -> Pod {
    let mut pod = json!({ "metadata": { "name": "new" }, "spec": { "containers": [] } });
    let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], spec) else {
        panic!("a spec is an object");
    };
    into.extend(from);
    serde_json::from_value(pod).unwrap()
}

fn asking(requests: Value) -> Value {
    json!({ "containers": [{ "name": "a", "resources": { "requests": requests } }] })
}

fn listening(ports: Value) -> Value {
    json!({ "containers": [{ "name": "a", "ports": ports }] })
}

/// What the node says of the last pod, the others being there.
fn check(others: &[Value], spec: Value, expected: &expect_test::Expect) {
    let others: Vec<Arc<Demand>> = others
        .iter()
        .map(|other| Arc::new(Demand::of(&pod(other.clone()))))
        .collect();
    let pod = pod(spec);
    let said = match admit(&pod, &Demand::of(&pod), &node(), &others) {
        Ok(()) => "taken".to_owned(),
        Err(refusal) => format!("{}: {}", refusal.reason, refusal.message()),
    };
    expected.assert_eq(&said);
}

#[test]
fn room_is_counted() {
    let half = asking(json!({ "cpu": "1500m", "memory": "512Mi" }));
    check(
        from_ref(&half),
        asking(json!({ "cpu": "500m" })),
        &expect!["taken"],
    );
    check(
        from_ref(&half),
        asking(json!({ "cpu": "501m" })),
        &expect![
            "OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000"
        ],
    );
    check(
        &[half],
        asking(json!({ "memory": "600Mi" })),
        &expect![
            "OutOfmemory: Pod was rejected: Node didn't have enough resource: memory, requested: 629145600, used: 536870912, capacity: 1073741824"
        ],
    );
    let little = || asking(json!({}));
    check(
        &[little(), little(), little()],
        little(),
        &expect![
            "OutOfpods: Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"
        ],
    );
    check(
        &[],
        asking(json!({ "example.com/lamp": "2" })),
        &expect![
            "OutOfexample.com/lamp: Pod was rejected: Node didn't have enough resource: example.com/lamp, requested: 2, used: 0, capacity: 1"
        ],
    );
    // A resource of which the node knows nothing is the cluster's.
    check(
        &[],
        asking(json!({ "example.com/license": "2" })),
        &expect!["taken"],
    );
}

#[test]
fn ports_clash_by_protocol_and_address() {
    let taken = listening(json!([{ "containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.2" }]));
    let free = [
        json!([{ "containerPort": 80 }]),
        json!([{ "containerPort": 80, "hostPort": 81 }]),
        json!([{ "containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.3" }]),
        json!([{ "containerPort": 80, "hostPort": 80, "protocol": "UDP" }]),
    ];
    for ports in free {
        check(from_ref(&taken), listening(ports), &expect!["taken"]);
    }
    check(
        &[taken],
        listening(json!([{ "containerPort": 80, "hostPort": 80 }])),
        &expect![
            "NodePorts: Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
        ],
    );
}

#[test]
fn the_node_must_be_meant() {
    let affinity = |term: Value| {
        let required = json!({ "nodeSelectorTerms": [term] });
        json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": required } } })
    };
    let expression = |key: &str, operator: &str, values: Value| {
        affinity(
            json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }),
        )
    };
    let meant = [
        json!({ "nodeSelector": { "disk": "fast" } }),
        expression("disk", "In", json!(["fast", "slow"])),
        expression("disk", "NotIn", json!(["slow"])),
        expression("gpu", "DoesNotExist", json!([])),
        expression("rank", "Gt", json!(["6"])),
        affinity(
            json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["one"] }] }),
        ),
    ];
    for spec in meant {
        check(&[], spec, &expect!["taken"]);
    }
    let others = [
        json!({ "nodeSelector": { "disk": "slow" } }),
        expression("disk", "NotIn", json!(["fast"])),
        expression("rank", "Lt", json!(["7"])),
        affinity(json!({})),
        affinity(
            json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["two"] }] }),
        ),
    ];
    for spec in others {
        check(
            &[],
            spec,
            &expect![
                "NodeAffinity: Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
            ],
        );
    }
}

#[test]
fn other_systems_are_not_played() {
    check(
        &[],
        json!({ "os": { "name": "windows" } }),
        &expect![
            "PodOSNotSupported: Pod was rejected: Failed to admit pod as the OS field doesn't match node OS"
        ],
    );
}
