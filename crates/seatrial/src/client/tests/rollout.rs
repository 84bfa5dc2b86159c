use std::time::Duration;

use expect_test::expect;
use kube::api::{Api, Patch, PatchParams};
use seatrial_resources::argoproj::{AnalysisRun, Rollout};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

use super::super::RolloutCommand;
use super::{cluster, outcome, parsed, session};

const HASH: &str = "rollouts-pod-template-hash";

async fn run(cluster: &Cluster, words: &str) -> String {
    let session = session(cluster);
    let done = parsed::<RolloutCommand>(words).execute(&session).await;
    outcome(&session, done)
}

fn api(cluster: &Cluster) -> Api<Rollout> {
    Api::namespaced(cluster.client.clone(), "test")
}

async fn status(cluster: &Cluster, status: Value) {
    let patch = Patch::Merge(json!({ "status": status }));
    api(cluster)
        .patch_status("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

fn template(image: &str, hash: Option<&str>) -> Value {
    let mut labels = json!({ "app": "shop" });
    if let Some(hash) = hash {
        labels[HASH] = hash.into();
    }
    json!({ "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "web", "image": image }] } })
}

fn owner(kind: &str, name: &str, uid: Option<&String>) -> Value {
    let group = if kind == "Rollout" {
        "argoproj.io/v1alpha1"
    } else {
        "apps/v1"
    };
    json!([{ "apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": true }])
}

/// A canary at its second step: one new pod beside four old ones.
async fn with_rollout() -> Cluster {
    let cluster = cluster().await;
    let rollout = cluster
        .create(json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": { "name": "shop", "namespace": "test" },
            "spec": {
                "replicas": 4,
                "selector": { "matchLabels": { "app": "shop" } },
                "template": template("shop:2", None),
                "strategy": { "canary": { "steps": [
                    { "setWeight": 25 }, { "pause": {} }, { "setWeight": 50 }, { "pause": { "duration": "10m" } },
                ] } },
            },
        }))
        .await
        .unwrap();
    for (revision, hash, image, size) in [(1, "aaa", "shop:1", 3), (2, "bbb", "shop:2", 1)] {
        replica_set(
            &cluster,
            rollout.metadata.uid.as_ref(),
            revision,
            hash,
            image,
            size,
        )
        .await;
    }
    cluster
        .create(json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {
                "name": "shop-bbb-2", "namespace": "test", "labels": { HASH: "bbb" },
                "ownerReferences": owner("Rollout", "shop", rollout.metadata.uid.as_ref()),
            },
            "spec": { "metrics": [] },
        }))
        .await
        .unwrap();
    let runs: Api<AnalysisRun> = Api::namespaced(cluster.client.clone(), "test");
    let measured = Patch::Merge(json!({ "status": { "phase": "Running", "metricResults": [
        { "name": "errors", "phase": "Running", "successful": 4, "failed": 1 },
    ] } }));
    runs.patch_status("shop-bbb-2", &PatchParams::default(), &measured)
        .await
        .unwrap();
    status(
        &cluster,
        json!({
            "phase": "Paused", "message": "CanaryPauseStep", "observedGeneration": "1",
            "stableRS": "aaa", "currentPodHash": "bbb", "currentStepIndex": 1,
            "controllerPause": true,
            "pauseConditions": [{ "reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z" }],
            "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4,
        }),
    )
    .await;
    cluster
}

async fn replica_set(
    cluster: &Cluster,
    uid: Option<&String>,
    revision: i64,
    hash: &str,
    image: &str,
    size: i32,
) {
    let name = format!("shop-{hash}");
    let set = cluster
        .create(json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name, "namespace": "test", "labels": { "app": "shop", HASH: hash },
                "annotations": { "rollout.argoproj.io/revision": revision.to_string() },
                "ownerReferences": owner("Rollout", "shop", uid),
            },
            "spec": {
                "replicas": size,
                "selector": { "matchLabels": { "app": "shop", HASH: hash } },
                "template": template(image, Some(hash)),
            },
        }))
        .await
        .unwrap();
    let sets: Api<k8s_openapi::api::apps::v1::ReplicaSet> =
        Api::namespaced(cluster.client.clone(), "test");
    let patch = Patch::Merge(json!({ "status": { "replicas": size, "availableReplicas": size } }));
    sets.patch_status(&name, &PatchParams::default(), &patch)
        .await
        .unwrap();
    cluster
        .create(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("{name}-x"), "namespace": "test", "labels": { "app": "shop", HASH: hash },
                "ownerReferences": owner("ReplicaSet", &name, set.metadata.uid.as_ref()),
            },
            "spec": { "containers": [{ "name": "web", "image": image }] },
        }))
        .await
        .unwrap();
    let pods: Api<k8s_openapi::api::core::v1::Pod> =
        Api::namespaced(cluster.client.clone(), "test");
    let patch = Patch::Merge(
        json!({ "status": { "phase": "Running", "containerStatuses": [
        { "name": "web", "image": image, "imageID": "", "ready": true, "restartCount": revision - 1, "state": { "running": {} } },
    ] } }),
    );
    pods.patch_status(&format!("{name}-x"), &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_shown_as_the_plugin_shows_it() {
    let cluster = with_rollout().await;
    tokio::time::advance(Duration::from_secs(90)).await;
    expect![[r#"
        Name:            shop
        Namespace:       test
        Status:          ॥ Paused
        Message:         CanaryPauseStep
        Strategy:        Canary
          Step:          1/4
          SetWeight:     25
          ActualWeight:  25
        Images:          shop:1 (stable)
                         shop:2 (canary)
        Replicas:
          Desired:       4
          Current:       4
          Updated:       1
          Ready:         4
          Available:     4

        NAME                    KIND          STATUS      AGE   INFO
        ⟳ shop                  Rollout       ॥ Paused    90s
        ├──# revision:2
        │  ├──⧉ shop-bbb        ReplicaSet    ✔ Healthy   90s   canary
        │  │  └──□ shop-bbb-x   Pod           ✔ Running   90s   ready:1/1,restarts:1
        │  └──α shop-bbb-2      AnalysisRun   ◌ Running   90s   ✔ 4,✖ 1
        └──# revision:1
           └──⧉ shop-aaa        ReplicaSet    ✔ Healthy   90s   stable
              └──□ shop-aaa-x   Pod           ✔ Running   90s   ready:1/1
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "get shop").await);
    expect![[r#"
        NAME   STRATEGY   STATUS     STEP   SET-WEIGHT   READY   DESIRED   UP-TO-DATE   AVAILABLE   AGE
        shop   Canary     ॥ Paused   1/4    25           4/4     4         1            4           90s
        exit 0
    "#]].assert_eq(&run(&cluster, "list").await);
    expect![[r#"
        error: rollout test/other does not exist; see `seatrial rollout list -A`, and name its namespace with -n
    "#]].assert_eq(&run(&cluster, "get other").await);
    let json = run(&cluster, "get shop -o json").await;
    assert!(json.contains("\"step\": \"1/4\""), "{json}");
}

#[tokio::test(start_paused = true)]
async fn promoting_takes_the_pause_away() {
    let cluster = with_rollout().await;
    expect![[r#"
        rollout 'shop' promoted
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "promote shop").await);
    let now = api(&cluster).get("shop").await.unwrap().status.unwrap();
    assert_eq!(
        (now.pause_conditions, now.current_step_index),
        (None, Some(1))
    );
    assert!(now.controller_pause);
    // Not paused any more: the next promotion ends the step itself.
    run(&cluster, "promote shop").await;
    let now = api(&cluster).get("shop").await.unwrap().status.unwrap();
    assert_eq!(now.current_step_index, Some(2));
    expect![[r#"
        rollout 'shop' fully promoted
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "promote shop --full").await);
    assert!(
        api(&cluster)
            .get("shop")
            .await
            .unwrap()
            .status
            .unwrap()
            .promote_full
    );
}

#[tokio::test(start_paused = true)]
async fn aborting_and_retrying_follow_each_other() {
    let cluster = with_rollout().await;
    expect![[r#"
        error: rollout test/shop was not aborted: there is nothing to try again
    "#]]
    .assert_eq(&run(&cluster, "retry shop").await);
    expect![[r#"
        rollout 'shop' aborted
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "abort shop").await);
    assert!(
        api(&cluster)
            .get("shop")
            .await
            .unwrap()
            .status
            .unwrap()
            .abort
    );
    expect![[r#"
        error: rollout test/shop was aborted: try its update again with `seatrial rollout retry shop -n test`
    "#]].assert_eq(&run(&cluster, "promote shop").await);
    expect![[r#"
        rollout 'shop' retried
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "retry shop").await);
    assert!(
        !api(&cluster)
            .get("shop")
            .await
            .unwrap()
            .status
            .unwrap()
            .abort
    );
}

#[tokio::test(start_paused = true)]
async fn undoing_brings_the_earlier_template_back() {
    let cluster = with_rollout().await;
    expect![[r#"
        error: rollout test/shop: unable to find revision 7; there are: 2, 1
    "#]]
    .assert_eq(&run(&cluster, "undo shop --to-revision 7").await);
    expect![[r#"
        error: rollout test/shop: skipped rollback (current template already matches revision 2)
    "#]]
    .assert_eq(&run(&cluster, "undo shop --to-revision 2").await);
    expect![[r#"
        rollout 'shop' undo (to revision 1)
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "undo shop").await);
    let spec = api(&cluster).get("shop").await.unwrap().spec;
    let found = serde_json::to_value(spec.template.unwrap()).unwrap();
    assert_eq!(found["spec"]["containers"][0]["image"], "shop:1");
    assert_eq!(found["metadata"]["labels"], json!({ "app": "shop" }));
}

#[tokio::test(start_paused = true)]
async fn images_pauses_and_restarts_change_the_spec() {
    let cluster = with_rollout().await;
    expect![[r#"
        error: setting images of rollout test/shop: it has no container `api`; there are: web
    "#]]
    .assert_eq(&run(&cluster, "set-image shop api=shop:3").await);
    expect![[r#"
        rollout "shop" image updated
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "set-image shop *=shop:3").await);
    expect![[r#"
        rollout "shop" image unchanged
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "set-image shop web=shop:3").await);
    expect![[r#"
        rollout 'shop' paused
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "pause shop").await);
    expect![[r#"
        rollout 'shop' restarts in 0s
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "restart shop").await);
    let spec = api(&cluster).get("shop").await.unwrap().spec;
    assert_eq!((spec.paused, spec.restart_at.is_some()), (Some(true), true));
}

#[tokio::test(start_paused = true)]
async fn a_status_ends_with_the_state_it_finds() {
    let cluster = with_rollout().await;
    expect![[r#"
        Paused - CanaryPauseStep
        error: rollout test/shop is neither healthy nor degraded after 5s: Paused - CanaryPauseStep; see `seatrial rollout get shop -n test`
    "#]].assert_eq(&run(&cluster, "status shop --timeout 5s").await);
    status(
        &cluster,
        json!({ "phase": "Degraded", "message": "RolloutAborted: why" }),
    )
    .await;
    expect![[r#"
        Degraded - RolloutAborted: why
        exit 1
    "#]]
    .assert_eq(&run(&cluster, "status shop").await);
    status(&cluster, json!({ "phase": "Healthy", "message": null })).await;
    expect![[r#"
        Healthy
        exit 0
    "#]]
    .assert_eq(&run(&cluster, "status shop").await);
}
