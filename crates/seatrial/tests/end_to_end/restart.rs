//! A second `up` on the same directory goes on where the first stopped, however it stopped.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{ListParams, PostParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client};
use serde_json::json;

use crate::process::{Up, client, seatrial};

const LIMIT: Duration = Duration::from_mins(1);

fn all_ready(replicas: i32) -> impl Condition<Deployment> {
    move |deployment: Option<&Deployment>| {
        let status = deployment.and_then(|deployment| deployment.status.as_ref());
        status.and_then(|status| status.ready_replicas) == Some(replicas)
    }
}

async fn wait_ready(client: &Client, replicas: i32) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let ready = await_condition(deployments, "web", all_ready(replicas));
    tokio::time::timeout(LIMIT, ready)
        .await
        .expect("the Deployment is ready in time")
        .unwrap();
}

async fn deploy(client: &Client, replicas: i32) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
            },
        },
    }))
    .unwrap();
    let parameters = PostParams::default();
    deployments.create(&parameters, &deployment).await.unwrap();
}

async fn scale(client: &Client, replicas: i32) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let patch = kube::api::Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    let parameters = kube::api::PatchParams::default();
    deployments
        .patch_scale("web", &parameters, &patch)
        .await
        .unwrap();
}

async fn pods(client: &Client) -> Vec<String> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let list = pods.list(&ListParams::default()).await.unwrap();
    list.into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_after_sigkill_and_after_a_clean_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data: &Path = &folder.path().join("cluster");
    let first = Up::start(data, 2);
    let api = first.ready["state"]["endpoints"]["api"].clone();
    let before = {
        let client = client(data).await;
        deploy(&client, 3).await;
        wait_ready(&client, 3).await;
        pods(&client).await
    };
    first.kill();

    let second = Up::start(data, 2);
    assert_eq!(
        second.ready["state"]["endpoints"]["api"], api,
        "the address is kept"
    );
    {
        // The kubeconfig, its CA and its token are those of before.
        let client = client(data).await;
        wait_ready(&client, 3).await;
        assert_eq!(pods(&client).await, before, "no pod was replaced");
        // And the controllers work.
        scale(&client, 5).await;
        wait_ready(&client, 5).await;
    }
    second.stop();

    let third = Up::start(data, 2);
    let client = client(data).await;
    wait_ready(&client, 5).await;
    third.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_before_sigkill_is_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let data: &Path = &folder.path().join("cluster");
    let up = Up::start(data, 1);
    let acknowledged = {
        let configs: Api<ConfigMap> = Api::default_namespaced(client(data).await);
        let mut acknowledged = Vec::new();
        for number in 0..50 {
            let config: ConfigMap = serde_json::from_value(json!({
                "metadata": { "name": format!("c{number:02}") },
                "data": { "number": number.to_string() },
            }))
            .unwrap();
            let made = configs
                .create(&PostParams::default(), &config)
                .await
                .unwrap();
            acknowledged.push((made.metadata.name, made.metadata.resource_version));
        }
        acknowledged
    };
    up.kill();

    let up = Up::start(data, 1);
    let configs: Api<ConfigMap> = Api::default_namespaced(client(data).await);
    let found = configs.list(&ListParams::default()).await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .filter(|config| {
            config
                .metadata
                .name
                .as_deref()
                .is_some_and(|name| name.len() == 3)
        })
        .map(|config| (config.metadata.name, config.metadata.resource_version))
        .collect();
    assert_eq!(found, acknowledged);
    up.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_program_on_a_running_clusters_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("cluster"), 1);
    let second = seatrial(&[
        "up",
        "--runtime",
        "simulated",
        "--no-kubeconfig",
        "--data-dir",
    ])
    .arg(folder.path().join("cluster"))
    .output()
    .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("runs already") && said.contains("seatrial down"),
        "{said}"
    );
    // The running one is none the worse for it.
    let namespaces: Api<Namespace> = Api::all(client(&folder.path().join("cluster")).await);
    namespaces.get("default").await.unwrap();
    up.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_named_not_replaced_and_can_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let data: &Path = &folder.path().join("cluster");
    Up::start(data, 1).stop();
    let (key, elsewhere) = (data.with_added_extension("key"), folder.path().join("safe"));
    std::fs::rename(&key, &elsewhere).unwrap();

    let refused = seatrial(&["up", "--runtime", "simulated", "--no-kubeconfig"])
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains(key.to_str().unwrap()) && said.contains("put it back"),
        "{said}"
    );
    assert!(!key.exists(), "no other key takes its place");

    std::fs::rename(&elsewhere, &key).unwrap();
    let again = Up::start(data, 1);
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::all(client(data).await);
    secrets.list(&ListParams::default()).await.unwrap();
    again.stop();
}
