//! The scheduler against a real API server in this process, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string,
    clippy::format_collect
)]

mod amounts;
mod preemption;
mod volumes;

use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use seatrial_controller::Context;
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

const NAMESPACE: &str = "test";

async fn start(nodes: usize) -> Cluster {
    let cluster = seatrial_testkit::cluster().await;
    cluster.namespace(NAMESPACE).await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    tokio::spawn(seatrial_scheduler::run(ctx));
    for number in 0..nodes {
        add_node(&cluster, &format!("n{number}")).await;
    }
    cluster
}

async fn add_node(cluster: &Cluster, name: &str) {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
    cluster.create(node).await.unwrap();
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let room = json!({"status": {"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "10"}}});
    nodes
        .patch_status(name, &PatchParams::default(), &Patch::Merge(room))
        .await
        .unwrap();
    admit(cluster, name).await;
}

/// Takes away the taint of a new node, as the controller of nodes does where one is ready.
async fn admit(cluster: &Cluster, name: &str) {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let bare = Patch::Merge(json!({"spec": {"taints": null}}));
    let params = PatchParams::default();
    nodes.patch(name, &params, &bare).await.unwrap();
}

async fn add_pod(cluster: &Cluster, name: &str, cpu: &str, more: Value) {
    let mut spec = json!({"containers": [
        {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": NAMESPACE, "name": name}, "spec": spec});
    cluster.create(pod).await.unwrap();
}

/// Each pod with its node, or why it has none.
async fn places(cluster: &Cluster) -> Vec<String> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let list = pods.list(&ListParams::default()).await.unwrap();
    let lines = list.items.into_iter().map(|pod| {
        let conditions = pod
            .status
            .unwrap_or_default()
            .conditions
            .unwrap_or_default();
        let scheduled = conditions
            .into_iter()
            .find(|one| one.type_ == "PodScheduled");
        let place = pod
            .spec
            .unwrap()
            .node_name
            .unwrap_or_else(|| "nowhere".to_owned());
        let why = scheduled.map_or("unsaid".to_owned(), |one| {
            let words = [one.reason, one.message]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            format!(
                "{}{}",
                one.status,
                words
                    .iter()
                    .map(|word| format!(" {word}"))
                    .collect::<String>()
            )
        });
        format!("{} {place}: {why}", pod.metadata.name.unwrap())
    });
    lines.collect()
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn pods_are_bound_and_those_without_room_wait_for_it() {
    let cluster = start(2).await;
    for name in ["a", "b", "c"] {
        add_pod(&cluster, name, "800m", json!({})).await;
    }
    wait(5).await;
    expect![[r#"
        [
            "a n0: True",
            "b n1: True",
            "c nowhere: False Unschedulable 0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
        ]
    "#]]
    .assert_debug_eq(&places(&cluster).await);
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let texts: Vec<_> = events
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|event| format!("{}: {}", event.reason.unwrap(), event.message.unwrap()))
        .collect();
    expect![[r#"
        [
            "Scheduled: Successfully assigned test/a to n0",
            "Scheduled: Successfully assigned test/b to n1",
            "FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
        ]
    "#]]
    .assert_debug_eq(&texts);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    pods.delete("a", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    wait(15).await;
    expect![[r#"
        [
            "b n1: True",
            "c n0: True",
        ]
    "#]]
    .assert_debug_eq(&places(&cluster).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_node_helps() {
    let cluster = start(0).await;
    add_pod(&cluster, "a", "100m", json!({})).await;
    wait(60).await;
    assert_eq!(
        places(&cluster).await,
        ["a nowhere: False Unschedulable no nodes available to schedule pods"]
    );
    add_node(&cluster, "n0").await;
    wait(3).await;
    assert_eq!(places(&cluster).await, ["a n0: True"]);
}

#[tokio::test(start_paused = true)]
async fn gates_and_other_schedulers_are_respected() {
    let cluster = start(1).await;
    add_pod(
        &cluster,
        "gated",
        "1m",
        json!({"schedulingGates": [{"name": "example.com/wait"}]}),
    )
    .await;
    add_pod(&cluster, "other", "1m", json!({"schedulerName": "mine"})).await;
    wait(5).await;
    expect![[r#"
        [
            "gated nowhere: False SchedulingGated Scheduling is blocked due to non-empty scheduling gates",
            "other nowhere: unsaid",
        ]
    "#]].assert_debug_eq(&places(&cluster).await);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    pods.patch("gated", &PatchParams::default(), &patch)
        .await
        .unwrap();
    wait(5).await;
    assert_eq!(places(&cluster).await[0], "gated n0: True");
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_gets_nothing_until_uncordoned() {
    let cluster = start(1).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let cordon = |on: bool| Patch::Merge(json!({"spec": {"unschedulable": on}}));
    nodes
        .patch("n0", &PatchParams::default(), &cordon(true))
        .await
        .unwrap();
    wait(1).await;
    add_pod(&cluster, "a", "100m", json!({})).await;
    wait(5).await;
    assert!(places(&cluster).await[0].contains("1 node(s) were unschedulable"));
    nodes
        .patch("n0", &PatchParams::default(), &cordon(false))
        .await
        .unwrap();
    wait(10).await;
    assert_eq!(places(&cluster).await, ["a n0: True"]);
}
