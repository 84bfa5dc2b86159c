//! Objects whose numbers are as large as their types allow: every controller takes them, and goes on with
//! its other work.
#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};
use support::{NAMESPACE, Running, deployment, healthy, start};

/// No pod of this image comes up, so that nothing is finished by chance.
fn never(image: &str) -> Option<Duration> {
    (image != "never").then_some(Duration::from_secs(1))
}

fn template(labels: &Value, grace: i64) -> Value {
    json!({"metadata": {"labels": labels}, "spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": grace,
        "activeDeadlineSeconds": i32::MAX,
        "containers": [{"name": "a", "image": "never"}]}})
}

fn job(name: &str, spec: Value) -> Value {
    let mut whole = json!({"template": template(&json!({"job": name}), i64::MAX)});
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": whole})
}

fn extremes() -> Vec<Value> {
    let labels = json!({"app": "extreme"});
    let always = |grace: i64| {
        let mut template = template(&labels, grace);
        template["spec"]["restartPolicy"] = json!("Always");
        template["spec"]
            .as_object_mut()
            .unwrap()
            .remove("activeDeadlineSeconds");
        template
    };
    let mut big = vec![
        job(
            "deadline",
            json!({"activeDeadlineSeconds": i64::MAX, "backoffLimit": i32::MAX}),
        ),
        job(
            "wide-and-long",
            json!({"parallelism": 100, "completions": i32::MAX}),
        ),
        job(
            "kept",
            json!({"ttlSecondsAfterFinished": i32::MAX, "parallelism": 0}),
        ),
        job(
            "indexed",
            json!({"completionMode": "Indexed", "completions": 100_000, "parallelism": 10,
            "backoffLimitPerIndex": i32::MAX, "maxFailedIndexes": 100_000}),
        ),
    ];
    for (name, schedule, deadline) in [
        ("each", "* * * * *", i64::MAX),
        ("never-due", "0 0 31 2 *", i64::MAX),
        ("hourly", "@hourly", i64::from(i32::MAX)),
        ("now", "* * * * *", 0),
    ] {
        big.push(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"schedule": schedule, "startingDeadlineSeconds": deadline, "successfulJobsHistoryLimit": i32::MAX,
                "failedJobsHistoryLimit": i32::MAX, "suspend": name == "each",
                "jobTemplate": {"spec": {"parallelism": 0, "template": template(&labels, 0)}}}}));
    }
    big.extend([
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "slow", "namespace": NAMESPACE},
            "spec": {"replicas": 1, "minReadySeconds": i32::MAX - 1, "progressDeadlineSeconds": i32::MAX,
                "revisionHistoryLimit": i32::MAX, "selector": {"matchLabels": labels},
                "strategy": {"rollingUpdate": {"maxSurge": i32::MAX, "maxUnavailable": i32::MAX}},
                "template": always(i64::MAX)}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "far", "namespace": NAMESPACE},
            "spec": {"replicas": 1, "serviceName": "s", "minReadySeconds": i32::MAX, "revisionHistoryLimit": i32::MAX,
                "ordinals": {"start": i32::MAX}, "updateStrategy": {"rollingUpdate": {"partition": i32::MAX}},
                "selector": {"matchLabels": {"app": "far"}},
                "template": {"metadata": {"labels": {"app": "far"}}, "spec": always(0)["spec"]}}}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "everywhere", "namespace": NAMESPACE},
            "spec": {"minReadySeconds": i32::MAX, "revisionHistoryLimit": i32::MAX, "selector": {"matchLabels": {"app": "everywhere"}},
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": i32::MAX}},
                "template": {"metadata": {"labels": {"app": "everywhere"}}, "spec": always(0)["spec"]}}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "none", "namespace": NAMESPACE},
            "spec": {"minAvailable": i32::MAX, "selector": {"matchLabels": labels}}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "any", "namespace": NAMESPACE},
            "spec": {"maxUnavailable": i32::MAX, "selector": {"matchLabels": {"app": "far"}}}}),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "n", "namespace": "kube-node-lease"},
            "spec": {"leaseDurationSeconds": i32::MAX, "renewTime": "9999-12-30T00:00:00.000000Z"}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
            "spec": {"taints": [{"key": "a", "effect": "NoExecute", "timeAdded": "0001-01-01T00:00:00Z"}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tolerant", "namespace": NAMESPACE}, "spec": {
            "nodeName": "n", "terminationGracePeriodSeconds": i64::MAX,
            "tolerations": [{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": i64::MAX},
                {"key": "b", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": i64::MIN}],
            "containers": [{"name": "a", "image": "never"}]}}),
    ]);
    big
}

/// Whether the controllers still do what they are there for.
async fn still_works(running: &Running) {
    let name = "sound";
    running
        .cluster
        .create(deployment(name, 3, "web:1"))
        .await
        .unwrap();
    running.rolled_out(name).await;
}

#[tokio::test(start_paused = true)]
async fn numbers_as_large_as_they_can_be_stop_no_controller() {
    let running = start(7, never).await;
    let _ = running.cluster.namespace("kube-node-lease").await;
    let mut refused = Vec::new();
    for object in extremes() {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if let Err(error) = running.cluster.create(object).await {
            refused.push(format!("{name}: {error:#}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    tokio::time::sleep(Duration::from_mins(10)).await;
    still_works(&running).await;
    let crons = running
        .api::<CronJob>()
        .list(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(crons.items.len(), 4);
}

/// A job that wants two billion pods gets them in portions, as upstream's does, and takes no memory for
/// those to come.
#[tokio::test(start_paused = true)]
async fn a_job_of_two_billion_pods_begins_with_a_portion() {
    let running = start(7, never).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": NAMESPACE},
        "spec": {"hard": {"pods": "20"}}});
    running.cluster.create(quota).await.unwrap();
    // A quota counts once its controller has seen it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    running
        .cluster
        .create(job(
            "wide",
            json!({"parallelism": i32::MAX, "completions": i32::MAX}),
        ))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let pods = running
        .api::<Pod>()
        .list(&ListParams::default())
        .await
        .unwrap();
    assert!(
        (1..=20).contains(&pods.items.len()),
        "{} pods",
        pods.items.len()
    );
    let job = running.api::<Job>().get("wide").await.unwrap();
    assert!(
        job.status
            .and_then(|status| status.active)
            .unwrap_or_default()
            <= 20
    );
}

/// How many requests of a verb about a kind the server answered.
async fn requests(running: &Running, verb: &str, resource: &str) -> f64 {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let page = running.cluster.client.request_text(request).await.unwrap();
    let (verb, resource) = (
        format!("verb=\"{verb}\""),
        format!("resource=\"{resource}\""),
    );
    let counts = page
        .lines()
        .filter(|line| line.starts_with("apiserver_request_total{"))
        .filter(|line| line.contains(&verb) && line.contains(&resource))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
    counts.sum()
}

/// A set that a quota will never let grow tries again ever more seldom, and says why once.
#[tokio::test(start_paused = true)]
async fn a_replica_set_of_two_billion_pods_is_calm_under_a_quota() {
    let running = start(7, healthy).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": NAMESPACE},
        "spec": {"hard": {"pods": "20"}}});
    running.cluster.create(quota).await.unwrap();
    // A quota counts once its controller has seen it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let labels = json!({"app": "wide"});
    let mut template = template(&labels, 0);
    template["spec"]["restartPolicy"] = json!("Always");
    template["spec"]
        .as_object_mut()
        .unwrap()
        .remove("activeDeadlineSeconds");
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "wide", "namespace": NAMESPACE},
        "spec": {"replicas": i32::MAX, "selector": {"matchLabels": labels}, "template": template}});
    running.cluster.create(set).await.unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    let count = async || {
        let made = requests(&running, "POST", "pods").await;
        (made, requests(&running, "PATCH", "replicasets").await)
    };
    let (begun, told) = count().await;
    // Batches of 1, 2, 4, 8 and 16, of which the last meets the quota, and a few attempts of one more.
    assert!((21.0..100.0).contains(&begun), "{begun} attempts");
    tokio::time::sleep(Duration::from_mins(30)).await;
    let (later, told_later) = count().await;
    assert!(later - begun < 40.0, "{} more attempts", later - begun);
    assert!(
        told_later - told < 10.0,
        "{} more writes",
        told_later - told
    );
    let set = running.api::<ReplicaSet>().get("wide").await.unwrap();
    let status = set.status.unwrap();
    assert_eq!(status.replicas, 20);
    let condition = status.conditions.unwrap().remove(0);
    assert_eq!(
        (condition.type_.as_str(), condition.status.as_str()),
        ("ReplicaFailure", "True")
    );
    still_works_beside(&running).await;
}

/// Others go on: here a set of another namespace.
async fn still_works_beside(running: &Running) {
    running.cluster.namespace("beside").await.unwrap();
    let mut other = deployment("other", 2, "v1");
    other["metadata"]["namespace"] = json!("beside");
    running.cluster.create(other).await.unwrap();
    running
        .until(|| async {
            let pods: kube::Api<Pod> =
                kube::Api::namespaced(running.cluster.client.clone(), "beside");
            pods.list(&ListParams::default()).await.unwrap().items.len() == 2
        })
        .await;
}

/// What a status says is believed no further than its numbers go.
#[tokio::test(start_paused = true)]
async fn statuses_out_of_this_world_stop_no_controller() {
    use kube::api::{Patch, PatchParams};
    let running = start(7, healthy).await;
    running
        .cluster
        .create(job("late", json!({"activeDeadlineSeconds": i64::MAX})))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let jobs = running.api::<Job>();
    for status in [
        json!({"status": {"startTime": "9999-12-30T00:00:00Z"}}),
        json!({"status": {"startTime": "0001-01-01T00:00:00Z", "failed": i32::MAX, "succeeded": i32::MAX}}),
    ] {
        let params = PatchParams::default();
        let _ = jobs
            .patch_status("late", &params, &Patch::Merge(status))
            .await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let pods = running.api::<Pod>();
    let counts = json!({"status": {"containerStatuses": [
        {"name": "a", "image": "x", "imageID": "", "ready": false, "restartCount": i32::MAX},
        {"name": "b", "image": "x", "imageID": "", "ready": false, "restartCount": i32::MAX}]}});
    for pod in pods.list(&ListParams::default()).await.unwrap().items {
        let name = pod.metadata.name.unwrap();
        let _ = pods
            .patch_status(
                &name,
                &PatchParams::default(),
                &Patch::Merge(counts.clone()),
            )
            .await;
    }
    still_works(&running).await;
}
