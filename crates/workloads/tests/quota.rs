//! Quotas: the controller counts, the server charges.

#![allow(clippy::unwrap_used)] // Tests.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use seatrial_controller::Context;
use seatrial_testkit::{Cluster, cluster, eventually};
use seatrial_workloads::ResourceQuotas;
use serde_json::{Value, json};

async fn used(cluster: &Cluster) -> Value {
    let quotas: Api<ResourceQuota> = Api::namespaced(cluster.client.clone(), "test");
    let status = quotas.get("all").await.unwrap().status;
    json!(status.unwrap_or_default().used)
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "test"}})
}

fn quota(hard: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "all", "namespace": "test"}, "spec": {"hard": hard}})
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_counted_and_then_charged() {
    let cluster = cluster().await;
    cluster.namespace("test").await.unwrap();
    cluster.create(map("early")).await.unwrap();
    let ctx = Context::with_identities(
        cluster.controllers(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let running = tokio::spawn(seatrial_controller::run(ResourceQuotas::default(), ctx));
    cluster
        .create(quota(json!({"configmaps": "2", "pods": "5"})))
        .await
        .unwrap();
    let reach = |expected: Value| {
        let cluster = &cluster;
        eventually("the count", Duration::from_secs(30), move || {
            let expected = expected.clone();
            async move { (used(cluster).await == expected).then_some(()) }
        })
    };
    reach(json!({"configmaps": "1", "pods": "0"})).await;
    cluster.create(map("late")).await.unwrap();
    assert_eq!(
        used(&cluster).await,
        json!({"configmaps": "2", "pods": "0"})
    );
    let refused = cluster.create(map("more")).await.unwrap_err().to_string();
    assert!(refused.contains("exceeded quota: all, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"), "{refused}");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "test");
    maps.delete("early", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(
        used(&cluster).await,
        json!({"configmaps": "1", "pods": "0"})
    );
    // Other limits are counted anew.
    cluster
        .apply(quota(json!({"count/configmaps": "9", "secrets": "1"})))
        .await
        .unwrap();
    reach(json!({"configmaps": "1", "count/configmaps": "1", "pods": "0", "secrets": "0"})).await;
    // What went wrong with the books is put right.
    let quotas: Api<ResourceQuota> = Api::namespaced(cluster.client.clone(), "test");
    let mut wrong = quotas.get("all").await.unwrap();
    let used = wrong.status.as_mut().unwrap().used.as_mut().unwrap();
    used.get_mut("secrets").unwrap().0 = "1".to_owned();
    quotas
        .replace_status("all", &PostParams::default(), &wrong)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(301)).await;
    reach(json!({"configmaps": "1", "count/configmaps": "1", "pods": "0", "secrets": "0"})).await;
    running.abort();
}
