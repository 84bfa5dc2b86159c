//! Deployments from the outside: rollouts, pauses, deadlines, history, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

mod support;

use std::time::Duration;

use expect_test::{Expect, expect};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use serde_json::{Value, json};
use support::{NAMESPACE, Running, deployment, healthy, image, mask, start};

fn conditions(deployment: &Deployment) -> String {
    let status = deployment.status.as_ref().unwrap();
    let lines = status.conditions.iter().flatten().map(|condition| {
        let (reason, message) = (condition.reason.as_ref(), condition.message.as_ref());
        let words = format!("{}: {}", reason.unwrap(), message.unwrap());
        format!("{}={} {words}\n", condition.type_, condition.status)
    });
    mask(&lines.collect::<String>(), "web")
}

async fn scalings(running: &Running, expected: Expect) {
    let events = running
        .api::<Event>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut lines: Vec<_> = events
        .items
        .into_iter()
        .filter(|event| event.reason.as_deref() == Some("ScalingReplicaSet"))
        .map(|event| {
            (
                event.metadata.resource_version.unwrap(),
                event.message.unwrap(),
            )
        })
        .map(|(version, message)| (version.parse::<u64>().unwrap(), message))
        .collect();
    lines.sort();
    let text: String = lines
        .into_iter()
        .map(|(_, message)| message + "\n")
        .collect();
    expected.assert_eq(&mask(&text, "web"));
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_goes_step_by_step_and_completes() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(deployment("web", 4, "web:1"))
        .await
        .unwrap();
    let first = running.rolled_out("web").await;
    expect![[r#"
        Available=True MinimumReplicasAvailable: Deployment has minimum availability.
        Progressing=True NewReplicaSetAvailable: ReplicaSet "web-#1" has successfully progressed.
    "#]]
    .assert_eq(&conditions(&first));
    running.patch("web", image("web:2")).await;
    let second = running.rolled_out("web").await;
    expect![[r#"
        Available=True MinimumReplicasAvailable: Deployment has minimum availability.
        Progressing=True NewReplicaSetAvailable: ReplicaSet "web-#1" has successfully progressed.
    "#]]
    .assert_eq(&conditions(&second));
    let revision = |deployment: &Deployment| {
        deployment.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"]
            .clone()
    };
    assert_eq!(
        (revision(&first), revision(&second)),
        ("1".into(), "2".into())
    );
    scalings(
        &running,
        expect![[r#"
            Scaled up replica set web-#1 from 0 to 4
            Scaled up replica set web-#2 from 0 to 1
            Scaled down replica set web-#1 from 4 to 3
            Scaled up replica set web-#2 from 1 to 2
            Scaled down replica set web-#1 from 3 to 2
            Scaled up replica set web-#2 from 2 to 3
            Scaled down replica set web-#1 from 2 to 1
            Scaled up replica set web-#2 from 3 to 4
            Scaled down replica set web-#1 from 1 to 0
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn going_back_reuses_the_old_set_under_a_new_revision() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(deployment("web", 2, "web:1"))
        .await
        .unwrap();
    running.rolled_out("web").await;
    running.patch("web", image("web:2")).await;
    running.rolled_out("web").await;
    running.patch("web", image("web:1")).await;
    running.rolled_out("web").await;
    let sets = running
        .api::<ReplicaSet>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut lines = Vec::new();
    for set in sets {
        let spec = set.spec.unwrap();
        let annotations = set.metadata.annotations.unwrap();
        let of = |name: &str| {
            annotations
                .get(&format!("deployment.kubernetes.io/{name}"))
                .cloned()
                .unwrap_or_default()
        };
        let image = spec.template.unwrap().spec.unwrap().containers[0]
            .image
            .clone()
            .unwrap();
        lines.push(format!(
            "{image} replicas {} revision {} history {} desired {} max {}\n",
            spec.replicas.unwrap(),
            of("revision"),
            of("revision-history"),
            of("desired-replicas"),
            of("max-replicas"),
        ));
    }
    lines.sort();
    expect![[r#"
        web:1 replicas 2 revision 3 history 1 desired 2 max 3
        web:2 replicas 0 revision 2 history  desired 2 max 3
    "#]]
    .assert_eq(&lines.concat());
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollout_says_that_its_deadline_passed() {
    let running = start(7, |image| {
        (image != "web:bad").then_some(Duration::from_secs(1))
    })
    .await;
    let mut object = deployment("web", 4, "web:1");
    object["spec"]["progressDeadlineSeconds"] = json!(30);
    running.cluster.create(object).await.unwrap();
    running.rolled_out("web").await;
    running.patch("web", image("web:bad")).await;
    let stuck = running
        .deployment_where("web", |deployment| {
            conditions(deployment).contains("Deadline")
        })
        .await;
    expect![[r#"
        Available=True MinimumReplicasAvailable: Deployment has minimum availability.
        Progressing=False ProgressDeadlineExceeded: ReplicaSet "web-#1" has timed out progressing.
    "#]]
    .assert_eq(&conditions(&stuck));
    let status = stuck.status.unwrap();
    assert_eq!(
        status.available_replicas,
        Some(3),
        "at most a quarter is unavailable"
    );
    assert_eq!(status.updated_replicas, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_only_scales() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(deployment("web", 2, "web:1"))
        .await
        .unwrap();
    running.rolled_out("web").await;
    running
        .patch("web", json!({"spec": {"paused": true}}))
        .await;
    running.patch("web", image("web:2")).await;
    running.patch("web", json!({"spec": {"replicas": 3}})).await;
    let paused = running
        .deployment_where("web", |deployment| {
            deployment.status.as_ref().unwrap().available_replicas == Some(3)
        })
        .await;
    expect![[r#"
        Progressing=Unknown DeploymentPaused: Deployment is paused
        Available=True MinimumReplicasAvailable: Deployment has minimum availability.
    "#]]
    .assert_eq(&conditions(&paused));
    assert_eq!(running.names::<ReplicaSet>().await.len(), 1);
    running
        .patch("web", json!({"spec": {"paused": false}}))
        .await;
    let resumed = running.rolled_out("web").await;
    expect![[r#"
        Available=True MinimumReplicasAvailable: Deployment has minimum availability.
        Progressing=True NewReplicaSetAvailable: ReplicaSet "web-#1" has successfully progressed.
    "#]]
    .assert_eq(&conditions(&resumed));
    assert_eq!(running.names::<ReplicaSet>().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn recreate_never_mixes_versions() {
    let running = start(7, healthy).await;
    let mut object = deployment("web", 3, "web:1");
    object["spec"]["strategy"] = json!({"type": "Recreate"});
    running.cluster.create(object).await.unwrap();
    running.rolled_out("web").await;
    let mut changes = running.ctx.cache::<Pod>().await.subscribe();
    running.patch("web", image("web:2")).await;
    running.rolled_out("web").await;
    let mut alive = std::collections::BTreeMap::new();
    while let Ok(change) = changes.try_recv() {
        let pod = change.object();
        let name = pod.metadata.name.clone().unwrap();
        match change {
            seatrial_controller::Change::Applied { ref object, .. } => {
                let image = object.spec.as_ref().unwrap().containers[0]
                    .image
                    .clone()
                    .unwrap();
                alive.insert(name, image);
            }
            seatrial_controller::Change::Removed(_) => {
                alive.remove(&name);
            }
        }
        let versions: std::collections::BTreeSet<_> = alive.values().collect();
        assert!(versions.len() <= 1, "{alive:?}");
    }
    assert_eq!(alive.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn old_sets_beyond_the_history_limit_go() {
    let running = start(7, healthy).await;
    let mut object = deployment("web", 1, "web:0");
    object["spec"]["revisionHistoryLimit"] = json!(2);
    running.cluster.create(object).await.unwrap();
    for version in 1..5 {
        running.rolled_out("web").await;
        running.patch("web", image(&format!("web:{version}"))).await;
    }
    running.rolled_out("web").await;
    running
        .until(|| async { running.names::<ReplicaSet>().await.len() == 3 })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_limit_is_named() {
    let running = start(7, healthy).await;
    let mut object = deployment("web", 1, "web:0");
    object["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": "many"}});
    if running.cluster.create(object).await.is_err() {
        return; // The server refuses it already.
    }
    let refused = running
        .deployment_where("web", |deployment| {
            deployment
                .status
                .as_ref()
                .is_some_and(|status| status.conditions.is_some())
        })
        .await;
    expect![[r#"
        Progressing=False InvalidSpec: spec.strategy.rollingUpdate.maxSurge: `many` is neither a number nor a percentage
    "#]].assert_eq(&conditions(&refused));
}

#[tokio::test(start_paused = true)]
async fn minimum_ready_seconds_delay_availability() {
    let running = start(7, healthy).await;
    let mut object = deployment("web", 1, "web:1");
    object["spec"]["minReadySeconds"] = json!(20);
    let begin = tokio::time::Instant::now();
    running.cluster.create(object).await.unwrap();
    running.rolled_out("web").await;
    let took = begin.elapsed().as_secs();
    assert!((20..24).contains(&took), "{took}");
}

/// Everything that was written, in the order of revisions.
async fn history(running: &Running, until: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    for path in [
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/replicasets",
        "/api/v1/pods",
        "/api/v1/events",
        "/api/v1/serviceaccounts",
    ] {
        let request = Request::new(path)
            .watch(&WatchParams::default(), "1")
            .unwrap();
        let events = running
            .cluster
            .client
            .request_events::<Value>(request)
            .await
            .unwrap();
        let mut events = std::pin::pin!(events);
        let read = async {
            while let Some(event) = events.try_next().await.unwrap() {
                let (what, object) = match event {
                    WatchEvent::Added(object) => ("added", object),
                    WatchEvent::Modified(object) => ("modified", object),
                    WatchEvent::Deleted(object) => ("deleted", object),
                    _ => continue,
                };
                let revision = object["metadata"]["resourceVersion"].as_str().unwrap();
                lines.push(format!("{revision:0>8} {what} {path} {object}"));
            }
        };
        let _ = tokio::time::timeout(until, read).await;
    }
    lines.sort();
    lines
}

async fn scenario(seed: u64) -> Vec<String> {
    let running = start(seed, healthy).await;
    running
        .cluster
        .create(deployment("web", 5, "web:1"))
        .await
        .unwrap();
    running
        .cluster
        .create(deployment("api", 3, "api:1"))
        .await
        .unwrap();
    running.rolled_out("web").await;
    running.rolled_out("api").await;
    running.patch("web", image("web:2")).await;
    running.patch("api", json!({"spec": {"replicas": 6}})).await;
    running.rolled_out("web").await;
    running.rolled_out("api").await;
    history(&running, Duration::from_secs(1)).await
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history_byte_for_byte() {
    let (first, second) = (scenario(7).await, scenario(7).await);
    assert!(first.len() > 100, "only {} writes", first.len());
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one, other);
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, scenario(8).await);
    assert!(first.iter().any(|line| line.contains(NAMESPACE)));
}
