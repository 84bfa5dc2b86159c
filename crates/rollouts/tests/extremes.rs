//! Rollouts and analyses whose numbers are as large, small or wrong as their types allow: the controllers
//! take them, say so, rest, and go on with the others.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use seatrial_controller::Context;
use seatrial_resources::argoproj::{AnalysisRun, Rollout, RolloutPhase};
use seatrial_rollouts::metrics::{Answer, Metrics, Unanswered};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

/// Answers with what is hard to compare.
struct Odd;

#[async_trait]
impl Metrics for Odd {
    async fn query(&self, _: &str, query: &str) -> Result<Answer, Unanswered> {
        Ok(Answer::Vector(match query {
            "huge" => vec![f64::MAX, f64::MIN, 1e308],
            "none" => Vec::new(),
            _ => vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
        }))
    }
}

/// Makes every replica set ready as soon as it is scaled.
async fn play_pods(cluster: Cluster) {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client, "test");
    loop {
        for set in sets.list(&ListParams::default()).await.unwrap() {
            let wanted = set.spec.as_ref().unwrap().replicas;
            let status = set.status.as_ref();
            if status.and_then(|status| status.available_replicas) != wanted {
                let status = json!({"status": {"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted}});
                let name = set.metadata.name.unwrap();
                let patch = Patch::Merge(status);
                let _ = sets
                    .patch_status(&name, &PatchParams::default(), &patch)
                    .await;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn rollout(name: &str, replicas: i32, canary: &Value, more: &Value) -> Value {
    let mut spec = json!({
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "one"}]}
        },
        "strategy": {"canary": canary},
    });
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name, "namespace": "test"}, "spec": spec})
}

fn extremes() -> Vec<Value> {
    let plain = json!({});
    let steps = |steps: Value| json!({"steps": steps});
    let analysis = |name: &str| json!({"steps": [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": name}]}}]});
    vec![
        rollout(
            "wide",
            i32::MAX,
            &steps(json!([{"setWeight": 1}, {"setWeight": 99}, {"pause": {"duration": "10s"}}])),
            &plain,
        ),
        rollout("negative", -5, &steps(json!([{"setWeight": 50}])), &plain),
        rollout(
            "heavy",
            3,
            &steps(json!([{"setWeight": i32::MAX}, {"setWeight": -7}, {"setWeight": 1000}])),
            &plain,
        ),
        rollout(
            "long",
            3,
            &steps(json!([{"setWeight": 10}, {"pause": {"duration": "9999999999h"}}])),
            &plain,
        ),
        rollout(
            "longer",
            3,
            &steps(json!([{"pause": {"duration": "1e308h"}}])),
            &plain,
        ),
        rollout(
            "seconds",
            3,
            &steps(json!([{"pause": {"duration": i32::MAX}}])),
            &plain,
        ),
        rollout(
            "backwards",
            3,
            &steps(json!([{"pause": {"duration": -1}}, {"pause": {"duration": "-5h"}}])),
            &plain,
        ),
        rollout(
            "scaled",
            3,
            &steps(
                json!([{"setCanaryScale": {"replicas": i32::MAX}}, {"setCanaryScale": {"weight": i32::MIN}}]),
            ),
            &plain,
        ),
        rollout(
            "surging",
            i32::MAX,
            &json!({"maxSurge": i32::MAX, "maxUnavailable": "4000000000%", "steps": [{"setWeight": 33}]}),
            &plain,
        ),
        rollout(
            "neither",
            3,
            &json!({"maxSurge": 0, "maxUnavailable": 0, "steps": [{"setWeight": 33}]}),
            &plain,
        ),
        rollout(
            "slow",
            3,
            &steps(json!([])),
            &json!({"minReadySeconds": i32::MAX, "progressDeadlineSeconds": i32::MAX, "revisionHistoryLimit": i32::MAX}),
        ),
        rollout(
            "hasty",
            3,
            &steps(json!([])),
            &json!({"minReadySeconds": -1, "progressDeadlineSeconds": i32::MIN, "revisionHistoryLimit": i32::MIN}),
        ),
        rollout(
            "again",
            3,
            &steps(json!([])),
            &json!({"restartAt": "9999-12-30T00:00:00Z", "rollbackWindow": {"revisions": i32::MAX}}),
        ),
        rollout(
            "delayed",
            3,
            &json!({"scaleDownDelaySeconds": i32::MAX, "abortScaleDownDelaySeconds": i32::MIN, "steps": []}),
            &plain,
        ),
        rollout(
            "many",
            3,
            &steps(
                (0..60)
                    .map(|weight| json!({"setWeight": weight % 100}))
                    .collect(),
            ),
            &plain,
        ),
        rollout("measured", 3, &analysis("huge"), &plain),
        rollout("unmeasured", 3, &analysis("none"), &plain),
        rollout("odd", 3, &analysis("odd"), &plain),
    ]
}

/// A measurement with numbers beyond all sense.
fn template(name: &str) -> Value {
    let metric = |metric: &str, rest: Value| {
        let mut whole = json!({
            "name": metric, "successCondition": "result[0] >= 1e308 && result[1] < -1e308",
            "provider": {"prometheus": {"address": "http://prometheus:9090", "query": name}},
        });
        whole
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        whole
    };
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"metrics": [
            metric("often", json!({"interval": "1ns", "count": 20, "failureLimit": i32::MAX, "inconclusiveLimit": i32::MAX})),
            metric("seldom", json!({"interval": "9999999h", "count": i32::MAX, "failureLimit": -1})),
            metric("late", json!({"initialDelay": "9999999999h", "count": 1})),
            metric("never", json!({"interval": "0s", "count": -3, "consecutiveErrorLimit": i32::MIN})),
        ]}
    })
}

async fn start() -> Cluster {
    let cluster = seatrial_testkit::cluster().await;
    cluster.namespace("test").await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    for (_, controller) in seatrial_rollouts::controllers(&ctx, Arc::new(Odd)) {
        tokio::spawn(controller);
    }
    tokio::spawn(play_pods(cluster.clone()));
    cluster
}

/// How many changes the store has seen.
async fn changes(cluster: &Cluster) -> u64 {
    let rollouts: Api<Rollout> = Api::namespaced(cluster.client.clone(), "test");
    let list = rollouts.list(&ListParams::default()).await.unwrap();
    list.metadata.resource_version.unwrap().parse().unwrap()
}

async fn set_image(cluster: &Cluster, name: &str, image: &str) {
    let rollouts: Api<Rollout> = Api::namespaced(cluster.client.clone(), "test");
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
    rollouts
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn numbers_out_of_this_world_stop_no_rollout_controller() {
    let cluster = start().await;
    for name in ["huge", "none", "odd"] {
        // What the schema does not take is refused by name.
        if let Err(error) = cluster.create(template(name)).await {
            assert!(format!("{error:#}").contains("spec.metrics"), "{error:#}");
        }
    }
    let sound = json!({"steps": [{"setWeight": 50}, {"pause": {"duration": "1m"}}]});
    cluster
        .create(rollout("sound", 4, &sound, &json!({})))
        .await
        .unwrap();
    let mut taken = Vec::new();
    for object in extremes() {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        match cluster.create(object).await {
            Ok(_) => taken.push(name),
            Err(error) => assert!(format!("{error:#}").contains("spec."), "{name}: {error:#}"),
        }
    }
    assert!(taken.len() > 10, "only {taken:?} were taken");
    tokio::time::sleep(Duration::from_mins(5)).await;
    for name in taken.iter().map(String::as_str).chain(["sound"]) {
        set_image(&cluster, name, "two").await;
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    let rollouts: Api<Rollout> = Api::namespaced(cluster.client.clone(), "test");
    let status = rollouts.get("sound").await.unwrap().status.unwrap();
    assert_eq!(status.phase, Some(RolloutPhase::Healthy));
    assert_eq!(status.stable_rs, status.current_pod_hash);
    // Everybody rests, or waits; only one metric is measured each second, for ever.
    let before = changes(&cluster).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let made = changes(&cluster).await - before;
    assert!(made < 700, "{made} changes in five quiet minutes");
    let runs: Api<AnalysisRun> = Api::namespaced(cluster.client.clone(), "test");
    for run in runs.list(&ListParams::default()).await.unwrap() {
        for result in run
            .status
            .unwrap_or_default()
            .metric_results
            .unwrap_or_default()
        {
            let kept = result.measurements.map_or(0, |all| all.len());
            assert!(kept <= 100, "{kept} measurements are kept");
        }
    }
    for rollout in rollouts.list(&ListParams::default()).await.unwrap() {
        let status = rollout.status.unwrap_or_default();
        assert!(
            status.phase.is_some(),
            "{:?} says nothing",
            rollout.metadata.name
        );
    }
}
