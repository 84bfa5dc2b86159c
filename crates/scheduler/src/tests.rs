//! Decisions over small clusters, and the cost of many.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::ObjectKey;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::decide::{Unfit, decide};
use crate::pending::Pending;
use crate::pod::Demand;

fn node(name: &str, spec: Value) -> Node {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "tier": &name[..1]}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }))
    .unwrap()
}

fn cluster(nodes: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, spec) in nodes {
        cluster.set_node(&node(name, spec.clone()));
    }
    cluster
}

fn three() -> Cluster {
    cluster(&[("a1", json!({})), ("a2", json!({})), ("b1", json!({}))])
}

fn demand(spec: Value) -> Demand {
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "main"}]);
    }
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": "web", "labels": {"app": "web"}},
        "spec": spec,
    }))
    .unwrap();
    Demand::of(&pod)
}

fn cpu(request: &str) -> Value {
    json!({"containers": [{"name": "main", "resources": {"requests": {"cpu": request}}}]})
}

/// Places `count` pods of one demand after another, and prints where they went.
fn check(mut cluster: Cluster, spec: Value, count: usize, expected: Expect) {
    let demand = Arc::new(demand(spec));
    let mut text = String::new();
    for number in 0..count {
        match decide(&demand, &cluster) {
            Ok(node) => {
                cluster.place(
                    &ObjectKey::new("default", format!("web-{number}")),
                    &node,
                    &demand,
                );
                writeln!(text, "{node}").unwrap();
            }
            Err(Unfit(message)) => writeln!(text, "{message}").unwrap(),
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn pods_without_requests_spread() {
    check(
        three(),
        json!({}),
        4,
        expect![[r#"
        a1
        a2
        b1
        a1
    "#]],
    );
}

#[test]
fn a_full_cluster_says_what_is_missing() {
    check(
        three(),
        cpu("3"),
        4,
        expect![[r#"
        a1
        a2
        b1
        0/3 nodes are available: 3 Insufficient cpu.
    "#]],
    );
}

#[test]
fn every_reason_is_counted() {
    let nodes = cluster(&[
        ("a1", json!({"unschedulable": true})),
        (
            "a2",
            json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}),
        ),
        ("b1", json!({})),
        ("b2", json!({})),
    ]);
    check(
        nodes,
        cpu("5"),
        1,
        expect![[r#"
        0/4 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable, 2 Insufficient cpu.
    "#]],
    );
    check(
        Cluster::default(),
        json!({}),
        1,
        expect![[r#"
        no nodes available to schedule pods
    "#]],
    );
}

#[test]
fn selectors_and_affinity_are_kept() {
    check(
        three(),
        json!({"nodeSelector": {"tier": "b"}}),
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
    let affinity = json!({"affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["c"]}]}]}}}});
    check(
        three(),
        affinity,
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.
    "#]],
    );
    let preferred = json!({"affinity": {"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "preference":
            {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}}]}}});
    check(
        three(),
        preferred,
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
}

#[test]
fn tolerations_let_taints_pass() {
    let nodes = || {
        cluster(&[(
            "a1",
            json!({"taints": [{"key": "gpu", "effect": "NoExecute"}]}),
        )])
    };
    check(
        nodes(),
        json!({}),
        1,
        expect![[r#"
        0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.
    "#]],
    );
    check(
        nodes(),
        json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]}),
        1,
        expect![[r#"
        a1
    "#]],
    );
    check(
        nodes(),
        json!({"tolerations": [{"operator": "Exists"}]}),
        1,
        expect![[r#"
        a1
    "#]],
    );
}

#[test]
fn pods_keep_apart_by_hostname() {
    let apart = json!({"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    check(
        three(),
        apart,
        4,
        expect![[r#"
        a1
        a2
        b1
        0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.
    "#]],
    );
}

#[test]
fn spread_constraints_hold_by_tier() {
    let spread = json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "tier", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}}]});
    check(
        three(),
        spread,
        4,
        expect![[r#"
        a1
        b1
        a2
        b1
    "#]],
    );
}

#[test]
fn host_ports_are_exclusive() {
    let ports =
        json!({"containers": [{"name": "main", "ports": [{"containerPort": 1, "hostPort": 80}]}]});
    check(
        cluster(&[("a1", json!({}))]),
        ports,
        2,
        expect![[r#"
        a1
        0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.
    "#]],
    );
}

#[test]
fn init_containers_and_sidecars_count() {
    let request = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let demand = demand(json!({
        "initContainers": [
            {"name": "early", "resources": request("1")},
            {"name": "proxy", "restartPolicy": "Always", "resources": request("200m")},
            {"name": "late", "resources": request("2")},
        ],
        "containers": [{"name": "one", "resources": request("500m")},
                       {"name": "two", "resources": {"limits": {"cpu": "1"}}}],
        "overhead": {"cpu": "50m"},
    }));
    assert_eq!(
        demand.requests.get("cpu"),
        2250,
        "late with the proxy, and the overhead"
    );
    assert_eq!(demand.requests.get("pods"), 1);
}

#[test]
fn a_removed_pod_frees_its_room() {
    let mut cluster = cluster(&[("a1", json!({}))]);
    let big = Arc::new(demand(cpu("3")));
    let key = ObjectKey::new("default", "big");
    cluster.place(&key, "a1", &big);
    assert!(decide(&big, &cluster).is_err());
    assert!(cluster.remove(&key));
    assert_eq!(decide(&big, &cluster), Ok("a1".to_owned()));
}

#[test]
fn a_node_that_comes_late_has_its_pods_counted() {
    let mut cluster = Cluster::default();
    let big = Arc::new(demand(cpu("3")));
    cluster.place(&ObjectKey::new("default", "big"), "a1", &big);
    assert!(cluster.set_node(&node("a1", json!({}))));
    assert!(!cluster.set_node(&node("a1", json!({}))), "nothing changed");
    assert!(decide(&big, &cluster).is_err());
}

#[tokio::test(start_paused = true)]
async fn waiting_pods_go_by_priority_and_rest_after_a_failure() {
    let mut pending = Pending::default();
    let key = |name: &str| ObjectKey::new("default", name);
    pending.add(&key("first"), 0);
    pending.add(&key("second"), 0);
    pending.add(&key("urgent"), 100);
    assert_eq!(pending.pop(), Some(key("urgent")));
    assert_eq!(pending.pop(), Some(key("first")));
    pending.failed(&key("first"));
    assert_eq!(pending.pop(), Some(key("second")));
    assert_eq!(pending.pop(), None);
    pending.stir();
    assert_eq!(pending.pop(), None, "the back-off is not over");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pending.pop(), Some(key("first")));
}

#[test]
fn deciding_does_not_depend_on_the_number_of_pods() {
    let mut cluster = Cluster::default();
    for number in 0..100 {
        cluster.set_node(&node(&format!("n{number}"), json!({})));
    }
    let demand = Arc::new(demand(cpu("10m")));
    for number in 0..5000 {
        let node = decide(&demand, &cluster).unwrap();
        cluster.place(
            &ObjectKey::new("default", format!("p{number}")),
            &node,
            &demand,
        );
    }
    let sizes: Vec<_> = cluster.hosts().map(|(_, host)| host.pods.len()).collect();
    assert_eq!(
        (sizes.iter().min(), sizes.iter().max()),
        (Some(&50), Some(&50))
    );
}
