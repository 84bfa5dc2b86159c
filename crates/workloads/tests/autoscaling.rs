//! HorizontalPodAutoscalers against a real API server in this process, in virtual time.
#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

mod support;

use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use serde_json::{Value, json};
use support::{NAMESPACE, Running, deployment, healthy, start};

async fn with_autoscaler(more: Value) -> Running {
    let running = start(7, healthy).await;
    let mut web = deployment("web", 2, "v1");
    web["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100m"}});
    running.cluster.create(web).await.unwrap();
    running.rolled_out("web").await;
    let mut spec = json!({"minReplicas": 1, "maxReplicas": 6,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 50}}}]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": NAMESPACE, "name": "web"}, "spec": spec});
    running.cluster.create(scaler).await.unwrap();
    running
}

async fn events(running: &Running) -> Vec<String> {
    let list = running.api::<Event>().list(&ListParams::default()).await;
    let about =
        list.unwrap().items.into_iter().filter(|event| {
            event.involved_object.kind.as_deref() == Some("HorizontalPodAutoscaler")
        });
    let lines = about.map(|event| {
        format!(
            "{} {}",
            event.reason.unwrap_or_default(),
            event.message.unwrap_or_default()
        )
    });
    lines.collect()
}

async fn replicas(running: &Running) -> i32 {
    let web = running.deployments().get("web").await.unwrap();
    web.spec.unwrap().replicas.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_target_follows_what_its_pods_use() {
    let running = with_autoscaler(json!({})).await;
    let figures = running.cluster.figures();
    figures.set(100);
    // The pods' first minutes are looked at twice; ready pods are believed after a window.
    running
        .until(|| async { replicas(&running).await == 4 })
        .await;
    running.rolled_out("web").await;
    let scaler = running.api::<HorizontalPodAutoscaler>();
    let status = scaler.get("web").await.unwrap().status.unwrap();
    assert_eq!(
        (status.current_replicas, status.desired_replicas),
        (Some(2), 4)
    );
    assert!(status.last_scale_time.is_some());
    figures.set(10);
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert!(
        replicas(&running).await >= 4,
        "nothing shrinks before its window has passed"
    );
    tokio::time::sleep(Duration::from_mins(6)).await;
    assert_eq!(replicas(&running).await, 1);
    assert_eq!(running.names::<Pod>().await.len(), 1);
    let events = events(&running).await;
    let first = "SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target";
    assert!(events.contains(&first.to_owned()), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_there_is_named() {
    let running = with_autoscaler(json!({"scaleTargetRef":
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}}))
    .await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let scaler = running.api::<HorizontalPodAutoscaler>().get("web").await;
    let condition = scaler
        .unwrap()
        .status
        .unwrap()
        .conditions
        .unwrap()
        .remove(0);
    expect![[r#"the HPA controller was unable to get the target's current scale: deployments.apps "none" not found"#]]
        .assert_eq(&condition.message.unwrap());
    expect![[r#"["FailedGetScale deployments.apps \"none\" not found"]"#]]
        .assert_eq(&format!("{:?}", events(&running).await));
}
