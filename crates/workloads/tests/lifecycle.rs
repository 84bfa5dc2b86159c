//! Garbage collection, namespaces, endpoints and jobs from the outside, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

mod support;

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, Namespace, Pod, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::{NAMESPACE, Running, deployment, healthy, start};

async fn with_deployment(replicas: i32) -> Running {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(deployment("web", replicas, "web:1"))
        .await
        .unwrap();
    running.rolled_out("web").await;
    running
}

#[tokio::test(start_paused = true)]
async fn a_deleted_deployment_takes_its_pods_along() {
    let running = with_deployment(3).await;
    running
        .delete::<Deployment>("web", DeleteParams::background())
        .await;
    running.gone::<Pod>().await;
    running.gone::<ReplicaSet>().await;
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_owners_goes_in_the_foreground_too() {
    let running = start(7, healthy).await;
    let maps: Api<ConfigMap> = Api::namespaced(running.cluster.client.clone(), NAMESPACE);
    let mut uids = Vec::new();
    for name in ["a", "b", "c"] {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": name, "namespace": NAMESPACE}});
        running.cluster.create(map).await.unwrap();
        uids.push(maps.get(name).await.unwrap().metadata.uid.unwrap());
    }
    for (name, (owner, uid)) in [
        ("a", ("c", &uids[2])),
        ("b", ("a", &uids[0])),
        ("c", ("b", &uids[1])),
    ] {
        let owned = json!({"metadata": {"ownerReferences": [{
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }]}});
        maps.patch(name, &PatchParams::default(), &Patch::Merge(owned))
            .await
            .unwrap();
    }
    running
        .delete::<ConfigMap>("a", DeleteParams::foreground())
        .await;
    running
        .until(|| async {
            let left = maps.list(&ListParams::default()).await.unwrap();
            left.items
                .iter()
                .all(|map| !["a", "b", "c"].contains(&map.metadata.name.as_deref().unwrap()))
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last() {
    let running = with_deployment(3).await;
    running
        .delete::<Deployment>("web", DeleteParams::foreground())
        .await;
    running
        .until(|| async {
            let owner = running.names::<Deployment>().await.is_empty();
            let sets = running.names::<ReplicaSet>().await.is_empty();
            assert!(!owner || sets, "the deployment went before its sets");
            owner
        })
        .await;
    running.gone::<Pod>().await;
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_and_are_adopted_again() {
    let running = with_deployment(2).await;
    let before = running.names::<Pod>().await;
    running
        .delete::<Deployment>("web", DeleteParams::orphan())
        .await;
    running.gone::<Deployment>().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(running.names::<Pod>().await, before);
    running
        .cluster
        .create(deployment("web", 2, "web:1"))
        .await
        .unwrap();
    running.rolled_out("web").await;
    assert_eq!(
        running.names::<ReplicaSet>().await.len(),
        1,
        "the old set was taken over"
    );
    assert_eq!(running.names::<Pod>().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_relabelled_pod_is_released_and_replaced() {
    let running = with_deployment(2).await;
    let pods = running.names::<Pod>().await;
    let patch = Patch::Merge(json!({"metadata": {"labels": {"app": "debug"}}}));
    running
        .api::<Pod>()
        .patch(&pods[0], &PatchParams::default(), &patch)
        .await
        .unwrap();
    running
        .until(|| async { running.names::<Pod>().await.len() == 3 })
        .await;
    let released = running.api::<Pod>().get(&pods[0]).await.unwrap();
    assert!(
        released
            .metadata
            .owner_references
            .unwrap_or_default()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_is_replaced() {
    let running = with_deployment(2).await;
    let pods = running.names::<Pod>().await;
    running
        .delete::<Pod>(&pods[0], DeleteParams::default().grace_period(0))
        .await;
    running
        .until(|| async {
            let now = running.names::<Pod>().await;
            now.len() == 2 && !now.contains(&pods[0])
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn dependents_of_custom_kinds_go_too() {
    let running = start(7, healthy).await;
    let owner = running
        .cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1", "kind": "Push",
            "metadata": {"namespace": NAMESPACE, "name": "owner"},
            "spec": {"repository": "shop", "ref": "refs/heads/main", "before": "0", "after": "1"},
        }))
        .await
        .unwrap();
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": NAMESPACE, "name": "dependent", "ownerReferences": [{
                "apiVersion": "seatrial.dev/v1alpha1", "kind": "Push", "name": "owner",
                "uid": owner.metadata.uid}]},
        }))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(running.names::<ConfigMap>().await.len(), 1);
    running
        .delete::<seatrial_resources::seatrial_dev::Push>("owner", DeleteParams::default())
        .await;
    running.gone::<ConfigMap>().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_owner_never_was_goes() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": NAMESPACE, "name": "dependent", "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": "nobody", "uid": "no-such-uid"}]},
        }))
        .await
        .unwrap();
    running.gone::<ConfigMap>().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_an_account_and_goes_with_everything_in_it() {
    let running = with_deployment(2).await;
    running
        .until(|| async { running.names::<ServiceAccount>().await == ["default"] })
        .await;
    running
        .cluster
        .create(json!({
            "apiVersion": "seatrial.dev/v1alpha1", "kind": "Push",
            "metadata": {"namespace": NAMESPACE, "name": "custom"},
            "spec": {"repository": "shop", "ref": "refs/heads/main", "before": "0", "after": "1"},
        }))
        .await
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(running.cluster.client.clone());
    namespaces
        .delete(NAMESPACE, &DeleteParams::default())
        .await
        .unwrap();
    running
        .until(|| async { namespaces.get_opt(NAMESPACE).await.unwrap().is_none() })
        .await;
    assert!(running.names::<Pod>().await.is_empty());
    assert!(
        running
            .names::<seatrial_resources::seatrial_dev::Push>()
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_knows_where_its_pods_are() {
    let running = with_deployment(2).await;
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": NAMESPACE, "name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }))
        .await
        .unwrap();
    let ready = || async {
        let slices = running
            .api::<EndpointSlice>()
            .list(&ListParams::default())
            .await
            .unwrap();
        slices
            .items
            .iter()
            .flat_map(|slice| slice.endpoints.clone())
            .count()
    };
    running.until(|| async { ready().await == 2 }).await;
    let endpoints = running.api::<Endpoints>().get("web").await.unwrap();
    assert_eq!(
        endpoints.subsets.unwrap()[0]
            .addresses
            .as_ref()
            .unwrap()
            .len(),
        2
    );
    running.patch("web", json!({"spec": {"replicas": 1}})).await;
    running.until(|| async { ready().await == 1 }).await;
    running
        .delete::<Service>("web", DeleteParams::default())
        .await;
    running.gone::<EndpointSlice>().await;
    running.gone::<Endpoints>().await;
}

fn job(spec: Value) -> Value {
    let mut spec = spec;
    spec["template"] = json!({"spec": {
        "restartPolicy": "Never", "containers": [{"name": "work", "image": "work:1"}]}});
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"namespace": NAMESPACE, "name": "work"}, "spec": spec,
    })
}

/// Ends every pod that runs, three seconds after it came up.
async fn end_pods(running: &Running, phase: &str) {
    let pods = running.api::<Pod>();
    for pod in pods.list(&ListParams::default()).await.unwrap() {
        let status = pod.status.unwrap_or_default();
        if status.phase.as_deref() == Some("Running") {
            let patch = Patch::Merge(json!({"status": {"phase": phase, "conditions": []}}));
            let name = pod.metadata.name.unwrap();
            pods.patch_status(&name, &PatchParams::default(), &patch)
                .await
                .unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
}

async fn conditions(running: &Running) -> Vec<String> {
    let job = running.api::<Job>().get("work").await.unwrap();
    let conditions = job
        .status
        .unwrap_or_default()
        .conditions
        .unwrap_or_default();
    conditions
        .into_iter()
        .map(|one| format!("{}={}", one.type_, one.status))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_to_completion_and_expires() {
    let running = start(7, healthy).await;
    let spec = json!({"completions": 3, "parallelism": 2, "ttlSecondsAfterFinished": 60});
    running.cluster.create(job(spec)).await.unwrap();
    running
        .until(|| async { running.names::<Pod>().await.len() == 2 })
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..2 {
        end_pods(&running, "Succeeded").await;
    }
    assert_eq!(
        conditions(&running).await,
        ["SuccessCriteriaMet=True", "Complete=True"]
    );
    let status = running
        .api::<Job>()
        .get("work")
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!((status.succeeded, status.active), (Some(3), None));
    let took = status
        .completion_time
        .unwrap()
        .0
        .duration_since(status.start_time.unwrap().0);
    assert!((3..9).contains(&took.as_secs()), "{took:?}");
    tokio::time::sleep(Duration::from_secs(61)).await;
    running.gone::<Job>().await;
    running.gone::<Pod>().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_gives_up_after_its_limit_with_growing_waits() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(job(json!({"backoffLimit": 2})))
        .await
        .unwrap();
    let begin = tokio::time::Instant::now();
    let mut failed = 0;
    while !conditions(&running)
        .await
        .contains(&"Failed=True".to_owned())
    {
        end_pods(&running, "Failed").await;
        failed += 1;
        assert!(failed < 100, "it never gives up");
    }
    let took = begin.elapsed().as_secs();
    assert!(
        (30..50).contains(&took),
        "10 s and 20 s of waiting, not {took}"
    );
    let status = running
        .api::<Job>()
        .get("work")
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(status.failed, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_job_stops_at_its_deadline() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(job(json!({"activeDeadlineSeconds": 30})))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert!(conditions(&running).await.is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        conditions(&running).await,
        ["FailureTarget=True", "Failed=True"]
    );
    running.gone::<Pod>().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_has_no_pods_until_it_is_resumed() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(job(json!({"suspend": true})))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(conditions(&running).await, ["Suspended=True"]);
    assert!(running.names::<Pod>().await.is_empty());
    let patch = Patch::Merge(json!({"spec": {"suspend": false}}));
    running
        .api::<Job>()
        .patch("work", &PatchParams::default(), &patch)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(conditions(&running).await, ["Suspended=False"]);
    assert_eq!(running.names::<Pod>().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_indexed_job_runs_every_index_once() {
    let running = start(7, healthy).await;
    let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 2});
    running.cluster.create(job(spec)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pods = running
        .api::<Pod>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let hosts: Vec<_> = pods
        .items
        .iter()
        .filter_map(|pod| pod.spec.as_ref()?.hostname.clone())
        .collect();
    assert_eq!(hosts, ["work-0", "work-1"]);
    for _ in 0..2 {
        end_pods(&running, "Succeeded").await;
    }
    assert_eq!(
        conditions(&running).await,
        ["SuccessCriteriaMet=True", "Complete=True"]
    );
    let status = running
        .api::<Job>()
        .get("work")
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(status.completed_indexes.as_deref(), Some("0-2"));
    assert_eq!(status.succeeded, Some(3));
    // Deleting the job lets its pods go: no finalizer holds them.
    running
        .delete::<Job>("work", DeleteParams::background())
        .await;
    running.gone::<Pod>().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_of_a_job_is_counted_once_and_replaced() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(job(json!({"backoffLimit": 3})))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pods = running.names::<Pod>().await;
    running
        .delete::<Pod>(&pods[0], DeleteParams::default())
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let now = running.names::<Pod>().await;
    assert!(now.len() == 1 && now != pods, "{now:?}");
    let status = running
        .api::<Job>()
        .get("work")
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!((status.failed, status.active), (Some(1), Some(1)));
    running.delete::<Job>("work", DeleteParams::orphan()).await;
    running.gone::<Job>().await;
    running
        .delete::<Pod>(&now[0], DeleteParams::default())
        .await;
    running.gone::<Pod>().await;
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_makes_its_jobs_on_time() {
    let running = start(7, healthy).await;
    let template = job(json!({}))["spec"].clone();
    running.cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"namespace": NAMESPACE, "name": "tick"},
        "spec": {"schedule": "*/5 * * * *", "timeZone": "Asia/Kolkata", "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1, "jobTemplate": {"spec": template}},
    })).await.unwrap();
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert!(running.names::<Job>().await.is_empty());
    tokio::time::sleep(Duration::from_secs(4)).await;
    let first = running.names::<Job>().await;
    assert_eq!(first.len(), 1);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(
        running.names::<Job>().await,
        first,
        "the first one still runs"
    );
    end_pods(&running, "Succeeded").await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(running.names::<Job>().await.len(), 2);
    end_pods(&running, "Succeeded").await;
    // The start that the second one held up is made up for; of ended jobs only the newest stays.
    running
        .until(|| async {
            let now = running.names::<Job>().await;
            now.len() == 2 && !now.contains(&first[0])
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_on_a_node_that_never_comes_goes() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": NAMESPACE, "name": "lost"},
            "spec": {"nodeName": "nowhere", "containers": [{"name": "c", "image": "i"}]},
        }))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(running.names::<Pod>().await, ["lost"]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(running.names::<Pod>().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_go_an_hour_after_they_were_seen() {
    let running = with_deployment(1).await;
    tokio::time::sleep(Duration::from_mins(50)).await;
    let before = running.names::<Event>().await;
    assert!(!before.is_empty());
    tokio::time::sleep(Duration::from_mins(16)).await;
    assert_eq!(running.names::<Event>().await, Vec::<String>::new());
}
