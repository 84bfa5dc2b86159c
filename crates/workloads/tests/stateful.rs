//! StatefulSets and DaemonSets from the outside, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::format_push_string
)]

mod support;

use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::{NAMESPACE, Running, healthy, start};

fn set(kind: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "db"}});
    spec["template"] = json!({"metadata": {"labels": {"app": "db"}},
        "spec": {"containers": [{"name": "db", "image": "db:1"}]}});
    json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"namespace": NAMESPACE, "name": "db"}, "spec": spec})
}

async fn patch<K>(running: &Running, patch: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let patch = Patch::Strategic(patch);
    let parameters = PatchParams::default();
    running
        .api::<K>()
        .patch("db", &parameters, &patch)
        .await
        .unwrap();
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "db", "image": image}]}}}})
}

/// The status of the set once `kubectl rollout status` would be content.
async fn complete(running: &Running) -> StatefulSet {
    for _ in 0..1200 {
        let set = running.api::<StatefulSet>().get("db").await.unwrap();
        let status = set.status.clone().unwrap_or_default();
        let wanted = set.spec.as_ref().unwrap().replicas.unwrap();
        if status.observed_generation >= set.metadata.generation
            && status.replicas == wanted
            && status.ready_replicas.unwrap_or(0) == wanted
            && status.current_revision == status.update_revision
        {
            return set;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within two minutes");
}

async fn pods(running: &Running) -> String {
    let list = running
        .api::<Pod>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut text = String::new();
    for pod in list {
        let spec = pod.spec.unwrap();
        let image = spec.containers[0].image.clone().unwrap();
        let host = spec.hostname.unwrap_or_default();
        text += &format!("{} {image} {host}\n", pod.metadata.name.unwrap());
    }
    text
}

async fn numbers(running: &Running) -> Vec<i64> {
    let list = running
        .api::<ControllerRevision>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut numbers: Vec<_> = list.items.into_iter().map(|one| one.revision).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_rolls_forward_and_back() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(set(
            "StatefulSet",
            json!({"replicas": 3, "serviceName": "db"}),
        ))
        .await
        .unwrap();
    complete(&running).await;
    expect![[r#"
        db-0 db:1 db-0
        db-1 db:1 db-1
        db-2 db:1 db-2
    "#]]
    .assert_eq(&pods(&running).await);
    patch::<StatefulSet>(&running, image("db:2")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    complete(&running).await;
    assert!(pods(&running).await.contains("db-0 db:2"));
    assert_eq!(numbers(&running).await, [1, 2]);
    // What `kubectl rollout undo` does: it applies the data of the revision before.
    let list = running
        .api::<ControllerRevision>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let first = list.items.iter().find(|one| one.revision == 1).unwrap();
    patch::<StatefulSet>(&running, first.data.clone().unwrap().0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    complete(&running).await;
    assert!(pods(&running).await.contains("db-0 db:1"));
    assert_eq!(
        numbers(&running).await,
        [2, 3],
        "the old revision was numbered anew"
    );
}

#[tokio::test(start_paused = true)]
async fn claims_follow_the_retention_policy() {
    let running = start(7, healthy).await;
    let spec = json!({"replicas": 2, "serviceName": "db",
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete", "whenDeleted": "Retain"}});
    running
        .cluster
        .create(set("StatefulSet", spec))
        .await
        .unwrap();
    complete(&running).await;
    assert_eq!(
        running.names::<PersistentVolumeClaim>().await,
        ["data-db-0", "data-db-1"]
    );
    patch::<StatefulSet>(&running, json!({"spec": {"replicas": 1}})).await;
    running
        .until(|| async { running.names::<PersistentVolumeClaim>().await == ["data-db-0"] })
        .await;
    running
        .delete::<StatefulSet>("db", DeleteParams::background())
        .await;
    running.gone::<Pod>().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(
        running.names::<PersistentVolumeClaim>().await,
        ["data-db-0"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_set_follows_the_nodes() {
    let running = start(7, healthy).await;
    for name in ["a", "b", "c"] {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        running.cluster.create(node).await.unwrap();
    }
    running
        .cluster
        .create(set("DaemonSet", json!({})))
        .await
        .unwrap();
    let ready = async || {
        let set = running.api::<DaemonSet>().get("db").await.unwrap();
        let status = set.status.unwrap_or_default();
        (
            status.number_ready,
            status.updated_number_scheduled.unwrap_or(0),
        )
    };
    running.until(|| async { ready().await == (3, 3) }).await;
    patch::<DaemonSet>(&running, image("db:2")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.until(|| async { ready().await == (3, 3) }).await;
    assert_eq!(pods(&running).await.matches("db:2").count(), 3);
    assert_eq!(numbers(&running).await, [1, 2]);
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> =
        kube::Api::all(running.cluster.client.clone());
    nodes.delete("c", &DeleteParams::default()).await.unwrap();
    running
        .until(|| async { running.names::<Pod>().await.len() == 2 })
        .await;
}
