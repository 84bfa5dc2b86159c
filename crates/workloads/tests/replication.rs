//! ReplicationControllers from the outside, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use support::{NAMESPACE, healthy, start};

#[tokio::test(start_paused = true)]
async fn a_replication_controller_keeps_its_pods() {
    let running = start(7, healthy).await;
    let made = json!({
        "apiVersion": "v1", "kind": "ReplicationController",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "replicas": 3,
            "selector": {"app": "web"},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    });
    running.cluster.create(made).await.unwrap();
    let controllers: Api<ReplicationController> =
        Api::namespaced(running.cluster.client.clone(), NAMESPACE);
    let ready = |count: i32| {
        let controllers = &controllers;
        move || async move {
            let status = controllers.get("web").await.unwrap().status.unwrap();
            status.ready_replicas.unwrap_or(0) == count && status.replicas == count
        }
    };
    running.until(ready(3)).await;
    let pods: Api<Pod> = Api::namespaced(running.cluster.client.clone(), NAMESPACE);
    let all = pods.list(&ListParams::default()).await.unwrap();
    let owner = &all.items[0].metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.name.as_str()),
        ("ReplicationController", "web")
    );

    // A pod that no longer matches is let go, and another one takes its place.
    let stray = all.items[0].metadata.name.clone().unwrap();
    let other = Patch::Merge(json!({"metadata": {"labels": {"app": "other"}}}));
    pods.patch(&stray, &PatchParams::default(), &other)
        .await
        .unwrap();
    running
        .until(|| async {
            let released = pods.get(&stray).await.unwrap();
            released
                .metadata
                .owner_references
                .unwrap_or_default()
                .is_empty()
                && pods.list(&ListParams::default()).await.unwrap().items.len() == 4
        })
        .await;

    let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
    controllers
        .patch("web", &PatchParams::default(), &scale)
        .await
        .unwrap();
    running.until(ready(1)).await;
}
