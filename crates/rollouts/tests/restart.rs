//! A restart takes pods away in turn, and an experiment says that it does not run.

#![allow(clippy::panic, clippy::unwrap_used)] // A test may fail loudly.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use seatrial_controller::Context;
use seatrial_resources::argoproj::{AnalysisPhase, Experiment, Rollout};
use seatrial_rollouts::metrics::{Answer, Metrics, Unanswered};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

struct Nothing;

#[async_trait]
impl Metrics for Nothing {
    async fn query(&self, _: &str, _: &str) -> Result<Answer, Unanswered> {
        Ok(Answer::Vector(Vec::new()))
    }
}

/// A cluster with the controllers of rollouts, and with the program that stands for everything else.
async fn cluster() -> (Cluster, tokio::task::JoinSet<()>) {
    let cluster = seatrial_testkit::cluster().await;
    cluster.namespace("test").await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let mut tasks = tokio::task::JoinSet::new();
    for (_, controller) in seatrial_rollouts::controllers(&ctx, Arc::new(Nothing)) {
        tasks.spawn(controller);
    }
    tasks.spawn(play(cluster.clone()));
    (cluster, tasks)
}

fn rollout(strategy: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "test"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "app", "image": "one"}]}
            },
            "strategy": {"canary": strategy}
        }
    })
}

fn is_old(pod: &Pod, cluster: &Cluster) -> bool {
    let made = pod.metadata.creation_timestamp.as_ref().unwrap().0;
    cluster.clock.now().duration_since(made).as_secs() >= 5
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter());
    let mut conditions = conditions.flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Keeps as many pods as each replica set asks for; a new one is available after five seconds.
async fn play(cluster: Cluster) {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), "test");
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "test");
    loop {
        for set in sets.list(&ListParams::default()).await.unwrap() {
            let wanted = set.spec.as_ref().unwrap().replicas.unwrap();
            let uid = set.metadata.uid.clone().unwrap();
            let own = pods.list(&ListParams::default()).await.unwrap().items;
            let mut ready = 0;
            for pod in &own {
                if is_old(pod, &cluster) {
                    ready += 1;
                    let name = pod.metadata.name.as_deref().unwrap();
                    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "True",
                        "lastTransitionTime": cluster.clock.now().to_string()}]}});
                    // It may be gone by now.
                    let _ = pods
                        .patch_status(name, &PatchParams::default(), &Patch::Merge(status))
                        .await;
                }
            }
            let ready = ready.min(wanted);
            for number in own.len()..usize::try_from(wanted).unwrap() {
                let name = format!("shop-{}-{number}", cluster.clock.now().as_second());
                let pod = json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": "test", "labels": {"app": "shop"},
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                            "name": set.metadata.name, "uid": uid, "controller": true}]},
                    "spec": {"containers": [{"name": "app", "image": "one"}]}
                });
                cluster.create(pod).await.unwrap();
            }
            let status = json!({"status": {"replicas": wanted, "readyReplicas": ready, "availableReplicas": ready}});
            let name = set.metadata.name.unwrap();
            sets.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn restart(strategy: Value) -> (usize, Rollout) {
    let (cluster, _tasks) = cluster().await;
    cluster.create(rollout(&strategy)).await.unwrap();
    let rollouts: Api<Rollout> = Api::namespaced(cluster.client.clone(), "test");
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "test");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let moment = cluster.clock.now() + Duration::from_secs(10);
    let moment = jiff::Timestamp::from_second(moment.as_second()).unwrap();
    let patch = json!({"spec": {"restartAt": moment.to_string()}});
    let patch = Patch::Merge(patch);
    rollouts
        .patch("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let mut least = 4;
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found = pods.list(&ListParams::default()).await.unwrap().items;
        let now = cluster.clock.now();
        let ready = found.iter().filter(|pod| is_ready(pod));
        least = least.min(ready.count());
        let before = found.iter().filter(|pod| {
            let made = pod.metadata.creation_timestamp.as_ref().unwrap().0;
            made < moment
        });
        let remaining = before.count();
        if now < moment {
            assert_eq!(remaining, 4, "nothing leaves before its time");
        }
        let rollout = rollouts.get("shop").await.unwrap();
        let done = rollout.status.as_ref().unwrap().restarted_at.clone();
        if done.is_some_and(|done| done.0 == moment) {
            assert_eq!(
                remaining, 0,
                "the restart is over before all pods were replaced"
            );
            return (least, rollout);
        }
    }
    panic!("the restart did not end");
}

#[tokio::test(start_paused = true)]
async fn a_restart_replaces_all_pods_and_keeps_what_max_unavailable_promises() {
    let (least, rollout) = restart(json!({"maxUnavailable": 2, "maxSurge": 0})).await;
    assert_eq!(least, 2);
    let status = rollout.status.unwrap();
    assert_eq!(status.stable_rs, status.current_pod_hash);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_one_by_one_where_no_pod_may_be_missing() {
    let (least, _) = restart(json!({"maxUnavailable": 0, "maxSurge": 1})).await;
    assert_eq!(least, 3);
}

#[tokio::test(start_paused = true)]
async fn an_experiment_ends_with_the_reason() {
    let (cluster, _tasks) = cluster().await;
    let experiment = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "two", "namespace": "test"},
        "spec": {"duration": "1m", "templates": [{"name": "a"}]}
    });
    cluster.create(experiment).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let experiments: Api<Experiment> = Api::namespaced(cluster.client.clone(), "test");
    let status = experiments.get("two").await.unwrap().status.unwrap();
    assert_eq!(status.phase, Some(AnalysisPhase::Error));
    expect_test::expect!["experiments are not supported; run the version as a canary with a step analysis in place of an experiment"]
        .assert_eq(&status.message.unwrap());
}
