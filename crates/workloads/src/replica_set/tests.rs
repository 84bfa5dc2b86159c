//! Which pods are created, deleted, adopted and released.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::observe::World;
use super::plan::{Change, decide};
use super::status::{failed, status};

fn set(replicas: i32) -> ReplicaSet {
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web", "uid": "s1", "generation": 3},
        "spec": {"replicas": replicas, "minReadySeconds": 10,
                 "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}}},
    }))
    .unwrap()
}

/// A pod on a node, of a phase, ready since a second of 1970 (or not).
fn pod(name: &str, node: Option<&str>, phase: &str, ready: Option<u32>) -> Arc<Pod> {
    let conditions: Vec<Value> = ready
        .map(|second| {
            json!({"type": "Ready", "status": "True",
                   "lastTransitionTime": format!("1970-01-01T00:00:{second:02}Z")})
        })
        .into_iter()
        .collect();
    let pod = json!({
        "metadata": {"namespace": "shop", "name": name, "uid": name, "labels": {"app": "web"}},
        "spec": {"nodeName": node, "containers": []},
        "status": {"phase": phase, "conditions": conditions},
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn check(replicas: i32, pods: Vec<Arc<Pod>>, expected: Expect) {
    let world = World {
        owned: pods,
        ..World::default()
    };
    let text = match decide(&set(replicas), &world).change {
        Change::None => "nothing".to_owned(),
        Change::Create(count) => format!("create {count}"),
        Change::Delete(pods) => {
            let names: Vec<_> = pods
                .iter()
                .filter_map(|pod| pod.metadata.name.clone())
                .collect();
            format!("delete {}", names.join(", "))
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn finished_and_leaving_pods_do_not_count() {
    let mut leaving = Pod::clone(&pod("leaving", Some("n1"), "Running", Some(1)));
    leaving.metadata.deletion_timestamp =
        serde_json::from_value(json!("1970-01-01T00:00:09Z")).unwrap();
    let pods = vec![
        pod("done", Some("n1"), "Succeeded", None),
        pod("broken", Some("n1"), "Failed", None),
        Arc::new(leaving),
        pod("fine", Some("n1"), "Running", Some(1)),
    ];
    check(3, pods.clone(), expect!["create 2"]);
    check(1, pods, expect!["nothing"]);
    check(9000, Vec::new(), expect!["create 500"]);
}

#[test]
fn the_least_useful_pods_go_first() {
    let pods = vec![
        pod("a-ready-long", Some("n1"), "Running", Some(1)),
        pod("b-ready-short", Some("n1"), "Running", Some(50)),
        pod("c-unready", Some("n1"), "Running", None),
        pod("d-pending", Some("n1"), "Pending", None),
        pod("e-unassigned", None, "Pending", None),
        pod("f-alone", Some("n2"), "Running", Some(50)),
    ];
    check(
        0,
        pods,
        expect!["delete e-unassigned, d-pending, c-unready, b-ready-short, a-ready-long, f-alone"],
    );
}

#[test]
fn the_deletion_cost_outweighs_age() {
    let mut dear = Pod::clone(&pod("dear", Some("n1"), "Running", Some(50)));
    dear.metadata.annotations = Some(
        [(
            "controller.kubernetes.io/pod-deletion-cost".into(),
            "10".into(),
        )]
        .into(),
    );
    let pods = vec![Arc::new(dear), pod("old", Some("n1"), "Running", Some(1))];
    check(1, pods, expect!["delete old"]);
}

#[test]
fn a_leaving_set_touches_nothing() {
    let mut leaving = set(5);
    leaving.metadata.deletion_timestamp =
        serde_json::from_value(json!("1970-01-01T00:00:09Z")).unwrap();
    let world = World {
        strays: vec![pod("stray", None, "Pending", None)],
        orphans: vec![pod("orphan", None, "Pending", None)],
        ..World::default()
    };
    let plan = decide(&leaving, &world);
    assert!(plan.release.is_empty() && plan.adopt.is_empty());
    assert_eq!(plan.change, Change::None);
    let plan = decide(&set(1), &world);
    assert_eq!((plan.release.len(), plan.adopt.len()), (1, 1));
    assert_eq!(
        plan.change,
        Change::None,
        "the orphan is the one that is wanted"
    );
}

#[test]
fn availability_comes_after_the_minimum() {
    let pods = vec![
        pod("a", Some("n1"), "Running", Some(1)),
        pod("b", Some("n1"), "Running", Some(15)),
        pod("c", Some("n1"), "Running", None),
    ];
    let world = World {
        owned: pods,
        ..World::default()
    };
    let now = "1970-01-01T00:00:20Z".parse().unwrap();
    let (status, next) = status(&set(3), &world, now);
    expect![[r#"{"availableReplicas":1,"observedGeneration":3,"readyReplicas":2,"replicas":3}"#]]
        .assert_eq(&serde_json::to_value(status).unwrap().to_string());
    assert_eq!(next, Some(std::time::Duration::from_secs(5)));
}

#[test]
fn a_failure_is_reported_beside_what_works() {
    let pods = vec![
        pod("a", Some("n1"), "Running", Some(1)),
        pod("b", None, "Pending", None),
    ];
    let world = World {
        owned: pods,
        ..World::default()
    };
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let mut object = set(3);
    let first = failed(&object, &world, &super::Error::NoSpec, at(20)).unwrap();
    expect![[r#"{"availableReplicas":1,"conditions":[{"lastTransitionTime":"1970-01-01T00:00:20Z","message":"the ReplicaSet has no spec","reason":"SelectingAll","status":"True","type":"ReplicaFailure"}],"observedGeneration":3,"readyReplicas":1,"replicas":2}"#]].assert_eq(&first.to_string());
    object.status = serde_json::from_value(first.clone()).unwrap();
    let again = failed(&object, &world, &super::Error::NoSpec, at(30)).unwrap();
    assert_eq!(again, first, "the same failure writes nothing new");
    let mut other = first;
    other["conditions"][0]["message"] = "it names another pod".into();
    object.status = serde_json::from_value(other.clone()).unwrap();
    let again = failed(&object, &world, &super::Error::NoSpec, at(30)).unwrap();
    assert_eq!(again, other, "nor does the next of its kind");
    let (recovered, _) = status(&object, &world, at(40));
    assert_eq!(recovered.conditions, None);
}
