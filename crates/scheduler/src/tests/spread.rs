//! Topology spread constraints.

use super::*;
use crate::query::Selection;
use crate::spread::Constraint;

/// One constraint on `tier` over the pods with `app: web`, with more fields.
fn constraint(more: Value) -> Value {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": "tier",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}});
    for (name, value) in more.as_object().unwrap() {
        constraint[name] = value.clone();
    }
    json!({"topologySpreadConstraints": [constraint]})
}

#[test]
fn what_must_hold_holds() {
    check(
        three(),
        constraint(json!({})),
        4,
        expect![[r#"
        a1
        b1
        a2
        b1
    "#]],
    );
    let mut bounded = constraint(json!({}));
    bounded["containers"] = cpu("3")["containers"].clone();
    check(
        three(),
        bounded,
        4,
        expect![[r#"
        a1
        b1
        a2
        0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
}

#[test]
fn a_node_without_the_label_does_not_do() {
    check(
        three(),
        constraint(json!({"topologyKey": "rack"})),
        1,
        expect![[r#"
        0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required label). preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn too_few_domains_count_as_an_empty_one() {
    check(
        three(),
        constraint(json!({"minDomains": 3})),
        3,
        expect![[r#"
        a1
        b1
        0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.
    "#]],
    );
}

#[test]
fn nodes_that_the_pod_cannot_use_do_not_count_by_policy() {
    let spec = |policy: &str| {
        let mut spec = constraint(json!({"nodeAffinityPolicy": policy}));
        spec["nodeSelector"] = json!({"tier": "a"});
        spec
    };
    check(
        three(),
        spec("Honor"),
        3,
        expect![[r#"
        a1
        a2
        a1
    "#]],
    );
    check(
        three(),
        spec("Ignore"),
        3,
        expect![[r#"
        a1
        0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) didn't match pod topology spread constraints. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.
        0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) didn't match pod topology spread constraints. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.
    "#]],
    );
    let taint = json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]});
    let nodes = || cluster(&[("a1", json!({})), ("b1", taint.clone())]);
    check(
        nodes(),
        constraint(json!({"nodeTaintsPolicy": "Honor"})),
        2,
        expect![[r#"
        a1
        a1
    "#]],
    );
    check(
        nodes(),
        constraint(json!({"nodeTaintsPolicy": "Ignore"})),
        2,
        expect![[r#"
        a1
        0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint {gpu: }. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.
    "#]],
    );
}

#[test]
fn label_keys_tell_revisions_apart() {
    let spec = constraint(json!({"matchLabelKeys": ["revision"]}));
    let of = |name: &str, revision: &str| {
        let mut pod = pod(name, "web", spec.clone());
        let labels = pod.metadata.labels.as_mut().unwrap();
        labels.insert("revision".into(), revision.into());
        Demand::of(&pod)
    };
    let mut nodes = cluster(&[("a1", json!({})), ("b1", json!({}))]);
    let old = place(&mut nodes, "old", of("old", "1")).unwrap();
    let new: Vec<_> = ["x", "y"]
        .map(|name| place(&mut nodes, name, of(name, "2")).unwrap())
        .into();
    assert_eq!(
        (old.as_str(), new),
        ("a1", vec!["b1".to_owned(), "a1".to_owned()])
    );
}

#[test]
fn pods_on_their_way_out_and_of_other_namespaces_do_not_count() {
    let mut nodes = cluster(&[("a1", json!({})), ("b1", json!({}))]);
    let mut leaving = demand(json!({}));
    leaving.leaving = true;
    nodes.place(&key("leaving"), "a1", &Arc::new(leaving));
    let mut foreign = demand(json!({}));
    Arc::make_mut(&mut foreign.template).namespace = "other".into();
    nodes.place(&ObjectKey::new("other", "web"), "a1", &Arc::new(foreign));
    nodes.place(
        &key("big"),
        "b1",
        &Arc::new(Demand::of(&pod("big", "db", cpu("3")))),
    );
    check(
        nodes,
        constraint(json!({})),
        3,
        expect![[r#"
        a1
        b1
        a1
    "#]],
    );
}

#[test]
fn what_should_hold_gives_way() {
    let soft = constraint(json!({"whenUnsatisfiable": "ScheduleAnyway"}));
    check(
        three(),
        soft.clone(),
        4,
        expect![[r#"
        a1
        b1
        a2
        b1
    "#]],
    );
    let mut here = soft;
    here["nodeSelector"] = json!({"tier": "b"});
    check(
        three(),
        here,
        3,
        expect![[r#"
        b1
        b1
        b1
    "#]],
    );
}

#[test]
fn pods_of_one_controller_are_spread_by_default() {
    let mut nodes = three();
    // Much room on b1 alone would draw every pod there.
    for at in ["a1", "a2"] {
        nodes.place(
            &key(at),
            at,
            &Arc::new(Demand::of(&pod(at, "db", cpu("2")))),
        );
    }
    let own = Selection::equal([("app".to_owned(), "web".to_owned())].into());
    let defaults = Constraint::defaults("default", own);
    let mut places = Vec::new();
    for name in ["w1", "w2", "w3"] {
        let (key, demand) = (
            key(name),
            Arc::new(Demand::of(&pod(name, "web", cpu("10m")))),
        );
        let ask = Ask {
            key: &key,
            demand: &demand,
            volumes: &Needs::default(),
            defaults: &defaults,
            nominated: None,
        };
        let slot = decide(&ask, &mut nodes).unwrap();
        let node = nodes.host(slot).unwrap().name.to_string();
        nodes.place(&key, &node, &demand);
        places.push(node);
    }
    assert_eq!(places, ["b1", "a1", "a2"]);
}
