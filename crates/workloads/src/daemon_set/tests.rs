#![allow(clippy::format_push_string)]

use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::observe::{World, by_node};
use super::plan::{Failures, decide, hash};
use super::{act, placement};
use crate::history;

fn set(spec: &Value) -> DaemonSet {
    let mut value = json!({
        "metadata": {"name": "log", "namespace": "test", "uid": "set"},
        "spec": {
            "selector": {"matchLabels": {"app": "log"}},
            "template": {"metadata": {"labels": {"app": "log"}},
                "spec": {"containers": [{"name": "log", "image": "log:2"}]}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        },
    });
    for (name, member) in spec.as_object().unwrap() {
        value["spec"][name] = member.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn node(name: &str, taint: Option<(&str, &str)>) -> Node {
    let taints: Vec<_> = taint
        .iter()
        .map(|(key, effect)| json!({"key": key, "effect": effect}))
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": taints}}))
    .unwrap()
}

/// `a new ready`: a pod on node a; or old; or pending, failed, going.
fn pod(text: &str, set: &DaemonSet) -> Arc<Pod> {
    let words: Vec<_> = text.split(' ').collect();
    let template = &set.spec.as_ref().unwrap().template;
    let update = history::newest(set, template, history::REVISION_LABEL, None, &[]);
    let revision = match words[1] {
        "new" => hash(&update.revision),
        other => other,
    };
    let mut pod = act::pod(set, revision, text.replace(' ', "-"), words[0]);
    pod.metadata.uid = Some(text.to_owned());
    let ready = if words[2] == "ready" { "True" } else { "False" };
    let phase = match words[2] {
        "failed" => "Failed",
        "pending" => "Pending",
        _ => "Running",
    };
    pod.status = serde_json::from_value(json!({"phase": phase, "conditions": [
        {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}))
    .unwrap();
    if words[2] == "going" {
        pod.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    }
    Arc::new(pod)
}

fn check(spec: Value, nodes: &[Node], pods: &[&str], expected: Expect) {
    let set = set(&spec);
    let world = World {
        nodes: nodes
            .iter()
            .map(|node| (node.metadata.name.clone().unwrap(), Arc::new(node.clone())))
            .collect(),
        owned: by_node(pods.iter().map(|text| pod(text, &set)).collect()),
        ..World::default()
    };
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    let plan = decide(&set, &world, &mut Failures::new(), now).unwrap();
    let mut text = String::new();
    for node in &plan.create {
        text += &format!("create on {node}\n");
    }
    for pod in &plan.delete {
        text += &format!("delete {}\n", pod.metadata.name.as_ref().unwrap());
    }
    for event in &plan.events {
        text += &format!("{}: {}\n", event.reason, event.message);
    }
    let status = &plan.status;
    text += &format!(
        "desired {} current {} ready {} updated {} available {} misscheduled {}\n",
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled.unwrap_or(0),
        status.number_available.unwrap_or(0),
        status.number_misscheduled,
    );
    expected.assert_eq(&text);
}

fn plain() -> Vec<Node> {
    ["a", "b", "c"].map(|name| node(name, None)).to_vec()
}

#[test]
fn every_node_that_fits_gets_one() {
    check(
        json!({}),
        &plain(),
        &["b new ready"],
        expect![[r#"
        create on a
        create on c
        desired 3 current 1 ready 1 updated 1 available 1 misscheduled 0
    "#]],
    );
    let nodes = [
        node("a", Some(("gpu", "NoSchedule"))),
        node("b", Some(("gpu", "NoExecute"))),
        node(
            "c",
            Some(("node.kubernetes.io/unschedulable", "NoSchedule")),
        ),
        node("d", Some(("node.kubernetes.io/unreachable", "NoExecute"))),
    ];
    check(
        json!({}),
        &nodes,
        &["a new ready", "b new ready"],
        expect![[r#"
        create on c
        create on d
        delete b-new-ready
        desired 2 current 0 ready 0 updated 0 available 0 misscheduled 2
    "#]],
    );
}

#[test]
fn selectors_and_affinity_choose_nodes() {
    let template = |spec: Value| {
        let mut all = spec;
        all["containers"] = json!([]);
        json!({"template": {"metadata": {"labels": {"app": "log"}}, "spec": all}})
    };
    check(
        template(json!({"nodeSelector": {"kubernetes.io/hostname": "b"}})),
        &plain(),
        &[],
        expect![[r#"
        create on b
        desired 1 current 0 ready 0 updated 0 available 0 misscheduled 0
    "#]],
    );
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["a"]}]}]}}}});
    check(
        template(affinity),
        &plain(),
        &["a new ready"],
        expect![[r#"
        create on b
        create on c
        delete a-new-ready
        desired 2 current 0 ready 0 updated 0 available 0 misscheduled 1
    "#]],
    );
}

#[test]
fn an_update_replaces_within_its_limits() {
    let all = ["a old ready", "b old ready", "c old ready"];
    check(
        json!({}),
        &plain(),
        &all,
        expect![[r#"
        delete a-old-ready
        desired 3 current 3 ready 3 updated 0 available 3 misscheduled 0
    "#]],
    );
    check(
        json!({}),
        &plain(),
        &["a new pending", "b old ready", "c old ready"],
        expect![[r#"
        desired 3 current 3 ready 2 updated 1 available 2 misscheduled 0
    "#]],
    );
    check(
        json!({}),
        &plain(),
        &["a new ready", "b old ready", "c old pending"],
        expect![[r#"
        delete c-old-pending
        desired 3 current 3 ready 2 updated 1 available 2 misscheduled 0
    "#]],
    );
    let half = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}});
    check(
        half,
        &plain(),
        &all,
        expect![[r#"
        delete a-old-ready
        delete b-old-ready
        desired 3 current 3 ready 3 updated 0 available 3 misscheduled 0
    "#]],
    );
    check(
        json!({"updateStrategy": {"type": "OnDelete"}}),
        &plain(),
        &all,
        expect![[r#"
        desired 3 current 3 ready 3 updated 0 available 3 misscheduled 0
    "#]],
    );
}

#[test]
fn a_surging_update_makes_the_new_pod_first() {
    let surge = json!({"updateStrategy": {"type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}});
    check(
        surge.clone(),
        &plain(),
        &["a old ready", "b old ready", "c old ready"],
        expect![[r#"
        create on a
        desired 3 current 3 ready 3 updated 0 available 3 misscheduled 0
    "#]],
    );
    check(
        surge.clone(),
        &plain(),
        &["a old ready", "a new pending", "b old ready", "c old ready"],
        expect![[r#"
        desired 3 current 3 ready 3 updated 1 available 3 misscheduled 0
    "#]],
    );
    check(
        surge,
        &plain(),
        &["a old ready", "a new ready", "b old ready", "c old ready"],
        expect![[r#"
        create on b
        delete a-old-ready
        desired 3 current 3 ready 3 updated 1 available 3 misscheduled 0
    "#]],
    );
}

#[test]
fn failed_pods_are_replaced_and_doubles_removed() {
    check(
        json!({}),
        &plain()[..1],
        &["a new failed"],
        expect![[r#"
        delete a-new-failed
        FailedDaemonPod: Found failed daemon pod test/a-new-failed on node a, will try to kill it
        desired 1 current 1 ready 0 updated 1 available 0 misscheduled 0
    "#]],
    );
    check(
        json!({}),
        &plain()[..1],
        &["a new ready", "a new pending"],
        expect![[r#"
        delete a-new-pending
        desired 1 current 1 ready 1 updated 1 available 1 misscheduled 0
    "#]],
    );
}

#[test]
fn a_pod_is_tied_to_its_node() {
    let set = set(&json!({}));
    let pod = act::pod(&set, "h", "log-x".to_owned(), "a");
    assert_eq!(placement::node_of(&pod), Some("a"));
    let tolerated: Vec<_> = pod
        .spec
        .unwrap()
        .tolerations
        .unwrap()
        .into_iter()
        .map(|one| format!("{}:{}", one.key.unwrap(), one.effect.unwrap()))
        .collect();
    expect![[r#"
        node.kubernetes.io/not-ready:NoExecute
        node.kubernetes.io/unreachable:NoExecute
        node.kubernetes.io/disk-pressure:NoSchedule
        node.kubernetes.io/memory-pressure:NoSchedule
        node.kubernetes.io/pid-pressure:NoSchedule
        node.kubernetes.io/unschedulable:NoSchedule"#]]
    .assert_eq(&tolerated.join("\n"));
}
