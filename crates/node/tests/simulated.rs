//! Simulated nodes in an in-process cluster, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests end where something is wrong.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use seatrial_controller::Context;
use seatrial_node::simulated::{self, Behaviour, Delay, SimulatedNodes};
use seatrial_testkit::{Cluster, cluster, eventually};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A cluster with a namespace and two simulated nodes.
async fn with_nodes(behaviour: Behaviour) -> (Cluster, Api<Pod>) {
    let cluster = cluster().await;
    cluster.namespace("test").await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let mut nodes = SimulatedNodes {
        count: 2,
        behaviour,
        ..SimulatedNodes::default()
    };
    nodes.capacity.pods = 1_000;
    tokio::spawn(simulated::run(ctx, nodes));
    let pods = Api::namespaced(cluster.client.clone(), "test");
    (cluster, pods)
}

fn pod(name: &str, node: usize, spec: Value) -> Pod {
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"nodeName": format!("simulated-{node}"), "containers": [{"name": "app", "image": "shop:1"}]},
    });
    if let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], spec) {
        into.extend(from);
    }
    serde_json::from_value(pod).unwrap()
}

async fn ready(pods: &Api<Pod>) -> usize {
    let all = pods.list(&ListParams::default()).await.unwrap();
    let is_ready = |pod: &&Pod| {
        let conditions = pod
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .any(|it| it.type_ == "Ready" && it.status == "True")
    };
    all.items.iter().filter(is_ready).count()
}

#[tokio::test(start_paused = true)]
async fn nodes_register_and_stay_alive() {
    let (cluster, _) = with_nodes(Behaviour::default()).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), "kube-node-lease");
    eventually("two leases", Duration::from_secs(5), async || {
        let all = leases.list(&ListParams::default()).await.unwrap();
        (all.items.len() == 2).then_some(())
    })
    .await;
    let node = nodes.get("simulated-1").await.unwrap();
    assert_eq!(
        node.metadata.labels.unwrap()["seatrial.dev/runtime"],
        "simulated"
    );
    let status = node.status.unwrap();
    assert!(
        status
            .conditions
            .unwrap()
            .iter()
            .any(|it| it.type_ == "Ready" && it.status == "True")
    );
    assert_eq!(status.allocatable.unwrap()["pods"].0, "1000");
    let renewed = async || {
        leases
            .get("simulated-2")
            .await
            .unwrap()
            .spec
            .unwrap()
            .renew_time
            .unwrap()
            .0
    };
    let before = renewed().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let seconds = renewed().await.duration_since(before).as_secs();
    assert!((50..=60).contains(&seconds), "{seconds}");
    // The status is reported again after five minutes, with its transition times kept.
    tokio::time::sleep(Duration::from_mins(5)).await;
    let conditions = nodes
        .get("simulated-1")
        .await
        .unwrap()
        .status
        .unwrap()
        .conditions
        .unwrap();
    let ready = conditions.iter().find(|it| it.type_ == "Ready").unwrap();
    assert_ne!(ready.last_heartbeat_time, ready.last_transition_time);
}

#[tokio::test(start_paused = true)]
async fn a_pod_becomes_ready_and_goes_when_deleted() {
    let (_cluster, pods) = with_nodes(Behaviour::default()).await;
    let probe = json!({"containers": [{"name": "app", "image": "shop:1",
        "readinessProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": 5}}]});
    pods.create(&PostParams::default(), &pod("web", 1, probe))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ready(&pods).await, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(ready(&pods).await, 1);
    let status = pods.get("web").await.unwrap().status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("10.244.0.1"));
    pods.delete("web", &DeleteParams::default()).await.unwrap();
    eventually("the pod to go", Duration::from_secs(1), async || {
        pods.get_opt("web").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_crashing_pod_tells_why() {
    let (cluster, pods) = with_nodes(Behaviour::default()).await;
    let mut bad = pod("bad", 2, json!({}));
    bad.metadata.annotations = Some(
        [(
            "simulated.seatrial.dev/crash-after".to_owned(),
            "3s".to_owned(),
        )]
        .into(),
    );
    pods.create(&PostParams::default(), &bad).await.unwrap();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let status = pods.get("bad").await.unwrap().status.unwrap();
    let container = &status.container_statuses.unwrap()[0];
    let waiting = container.state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!(container.restart_count, 1);
    let events: Api<k8s_openapi::api::core::v1::Event> =
        Api::namespaced(cluster.client.clone(), "test");
    let events = events.list(&ListParams::default()).await.unwrap().items;
    assert!(
        events
            .iter()
            .any(|event| event.reason.as_deref() == Some("BackOff")),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_the_same_name_is_another_pod() {
    let (_cluster, pods) = with_nodes(Behaviour::default()).await;
    for _ in 0..3 {
        pods.create(&PostParams::default(), &pod("web", 1, json!({})))
            .await
            .unwrap();
        eventually("the pod to be ready", Duration::from_secs(1), async || {
            (ready(&pods).await == 1).then_some(())
        })
        .await;
        pods.delete("web", &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
    }
}

/// The story of a cluster: every version of every pod, in order.
async fn story() -> Vec<String> {
    let delay = Delay {
        least: Duration::from_millis(100),
        most: Duration::from_secs(5),
    };
    let (_cluster, pods) = with_nodes(Behaviour {
        pull: delay,
        ready: delay,
        ..Behaviour::default()
    })
    .await;
    for number in 0..20 {
        pods.create(
            &PostParams::default(),
            &pod(&format!("web-{number}"), 1 + number % 2, json!({})),
        )
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let all = pods.list(&ListParams::default()).await.unwrap().items;
    all.iter()
        .map(|pod| serde_json::to_string(pod).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_story() {
    let (first, second) = (story().await, story().await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn thousands_of_pods_become_ready_in_seconds() {
    const PODS: usize = 2_000;
    let (_cluster, pods) = with_nodes(Behaviour::default()).await;
    let begin = Instant::now();
    for number in 0..PODS {
        pods.create(
            &PostParams::default(),
            &pod(&format!("web-{number}"), 1 + number % 2, json!({})),
        )
        .await
        .unwrap();
    }
    let created = begin.elapsed();
    while ready(&pods).await < PODS {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(
            begin.elapsed() < Duration::from_mins(2),
            "too slow for any machine"
        );
    }
    println!(
        "{PODS} pods: created in {created:?}, ready after {:?}",
        begin.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_port_of_a_node_is_one_pods() {
    let (_cluster, pods) = with_nodes(Behaviour::default()).await;
    let listening = |name: &str, node: usize| {
        let ports = json!([{"containerPort": 80, "hostPort": 8080}]);
        let containers = json!([{"name": "app", "image": "shop:1", "ports": ports}]);
        pod(name, node, json!({ "containers": containers }))
    };
    let phase = async |name: &str, wanted: &str| {
        eventually(wanted, Duration::from_secs(10), async || {
            let status = pods.get(name).await.unwrap().status.unwrap_or_default();
            (status.phase.as_deref() == Some(wanted)).then_some(status)
        })
        .await
    };
    let create = async |pod: Pod| pods.create(&PostParams::default(), &pod).await.unwrap();
    create(listening("first", 1)).await;
    phase("first", "Running").await;
    create(listening("elsewhere", 2)).await;
    phase("elsewhere", "Running").await;
    create(listening("second", 1)).await;
    let refused = phase("second", "Failed").await;
    assert_eq!(refused.reason.as_deref(), Some("NodePorts"));
    for name in ["first", "second"] {
        pods.delete(name, &DeleteParams::default()).await.unwrap();
        eventually("the pod to go", Duration::from_mins(2), async || {
            pods.get_opt(name).await.unwrap().is_none().then_some(())
        })
        .await;
    }
    create(listening("third", 1)).await;
    phase("third", "Running").await;
}
