//! What nodes and pods ask of each other: labels, names, taints.

use super::*;

fn required(terms: Value) -> Value {
    json!({"affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
}

fn tainted(effect: &str) -> Cluster {
    let taint = json!({"key": "gpu", "value": "yes", "effect": effect});
    cluster(&[
        ("a1", json!({"taints": [taint]})),
        ("a2", json!({"unschedulable": true})),
    ])
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
        cpu("3"),
        3,
        expect![[r#"
        b1
        b2
        0/4 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/4 nodes are available: 2 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.
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
fn selectors_and_required_affinity_are_kept() {
    check(
        three(),
        json!({"nodeSelector": {"tier": "b"}}),
        2,
        expect![[r#"
        b1
        b1
    "#]],
    );
    let tier = |operator: &str, values: Value| {
        required(json!([{"matchExpressions": [
            {"key": "tier", "operator": operator, "values": values}]}]))
    };
    check(
        three(),
        tier("In", json!(["c"])),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
    check(
        three(),
        tier("NotIn", json!(["a"])),
        1,
        expect![[r#"
        b1
    "#]],
    );
    check(
        three(),
        tier("Exists", json!([])),
        1,
        expect![[r#"
        a1
    "#]],
    );
    check(
        three(),
        required(json!([{}])),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn a_pod_that_names_its_nodes_goes_there_or_waits() {
    let named = |names: &[&str]| {
        required(json!([{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": names}]}]))
    };
    check(
        three(),
        named(&["a2"]),
        1,
        expect![[r#"
        a2
    "#]],
    );
    check(
        three(),
        named(&["zz"]),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
    let mut full = named(&["a2"]);
    full["containers"] = cpu("9")["containers"].clone();
    check(
        three(),
        full,
        1,
        expect![[r#"
        0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
    let other = required(json!([{"matchFields": [
        {"key": "metadata.name", "operator": "NotIn", "values": ["a1", "a2"]}]}]));
    check(
        three(),
        other,
        1,
        expect![[r#"
        b1
    "#]],
    );
}

#[test]
fn preferred_affinity_outweighs_room() {
    let preferred = json!({"affinity": {"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "preference":
            {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}}]}}});
    check(
        three(),
        preferred,
        3,
        expect![[r#"
        b1
        b1
        b1
    "#]],
    );
}

#[test]
fn numbers_are_compared() {
    let mut nodes = Cluster::default();
    for (name, cores) in [("a1", "8"), ("a2", "16"), ("b1", "many")] {
        let mut node = node(name, json!({}));
        let labels = node.metadata.labels.as_mut().unwrap();
        labels.insert("cores".into(), cores.into());
        nodes.set_node(&node);
    }
    let wanted = required(json!([{"matchExpressions": [
        {"key": "cores", "operator": "Gt", "values": ["8"]}]}]));
    check(
        nodes,
        wanted,
        2,
        expect![[r#"
        a2
        a2
    "#]],
    );
}

#[test]
fn taints_keep_pods_off_unless_tolerated() {
    check(
        tainted("NoSchedule"),
        json!({}),
        1,
        expect![[r#"
        0/2 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.
    "#]],
    );
    check(
        tainted("NoExecute"),
        json!({}),
        1,
        expect![[r#"
        0/2 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.
    "#]],
    );
    let tolerate = |toleration: Value| json!({"tolerations": [toleration]});
    for toleration in [
        json!({"operator": "Exists"}),
        json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}),
        json!({"key": "gpu", "value": "yes"}),
        json!({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute"}),
    ] {
        let mut nodes = tainted("NoExecute");
        let demand = demand(tolerate(toleration.clone()));
        assert_eq!(
            place(&mut nodes, "web", demand),
            Ok("a1".to_owned()),
            "{toleration}"
        );
    }
    for toleration in [
        json!({"key": "gpu", "value": "no"}),
        json!({"key": "cpu", "operator": "Exists"}),
        json!({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}),
        json!({"value": "yes"}),
    ] {
        let mut nodes = tainted("NoExecute");
        let demand = demand(tolerate(toleration.clone()));
        assert!(place(&mut nodes, "web", demand).is_err(), "{toleration}");
    }
}

#[test]
fn a_cordoned_node_takes_who_tolerates_that() {
    let toleration = json!({"tolerations": [
        {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]});
    check(
        tainted("NoSchedule"),
        toleration,
        1,
        expect![[r#"
        a2
    "#]],
    );
}

#[test]
fn preferred_taints_only_make_a_node_worse() {
    let taint = json!({"taints": [{"key": "slow", "effect": "PreferNoSchedule"}]});
    let nodes = || cluster(&[("a1", taint.clone()), ("a2", json!({}))]);
    check(
        nodes(),
        json!({}),
        2,
        expect![[r#"
        a2
        a2
    "#]],
    );
    check(
        nodes(),
        json!({"nodeSelector": {"kubernetes.io/hostname": "a1"}}),
        1,
        expect![[r#"
        a1
    "#]],
    );
}

#[test]
fn a_node_that_has_a_large_image_is_better() {
    let mut cluster = three();
    let mut with = node("b1", json!({}));
    let images =
        json!([{"names": ["shop/web:2", "shop/web@sha256:1"], "sizeBytes": 3_000_000_000_i64}]);
    with.status.as_mut().unwrap().images = serde_json::from_value(images).unwrap();
    cluster.set_node(&with);
    let image = |image: &str| json!({"containers": [{"name": "main", "image": image}]});
    assert_eq!(
        place(&mut cluster, "a", demand(image("shop/web:2"))).unwrap(),
        "b1"
    );
    assert_eq!(
        place(&mut cluster, "b", demand(image("shop/other"))).unwrap(),
        "a1"
    );
    // What nobody has any more counts for nothing.
    cluster.set_node(&node("b1", json!({})));
    assert_eq!(cluster.nodes_with("shop/web:2"), 0);
    cluster.set_node(&with);
    cluster.remove_node("b1");
    assert_eq!(cluster.nodes_with("shop/web:2"), 0);
}
