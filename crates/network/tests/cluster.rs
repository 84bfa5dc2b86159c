//! The gateway follows a cluster through its API.

#![allow(clippy::unwrap_used)]

mod bench;

use std::time::Duration;

use bench::{Bench, Pod};
use http::{HeaderMap, Method};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use seatrial_controller::Context;
use seatrial_network::follow;
use seatrial_testkit::{Cluster, eventually};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(5);

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "production", "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    })
}

fn pod(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "production", "name": name, "labels": {"app": app, "version": app}},
        "spec": {"containers": [{"name": "app", "image": "shop:1"}]},
    })
}

fn split(stable: i32, canary: i32) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"namespace": "production", "name": "app-vsvc"},
        "spec": {"hosts": ["production-app"], "http": [{"name": "primary", "route": [
            {"destination": {"host": "stable"}, "weight": stable},
            {"destination": {"host": "canary"}, "weight": canary}]}]},
    })
}

async fn make_ready(cluster: &Cluster, name: &str) {
    let pods: Api<k8s_openapi::api::core::v1::Pod> =
        Api::namespaced(cluster.client.clone(), "production");
    let status = json!({"status": {
        "phase": "Running", "podIP": "10.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}],
    }});
    let patch = kube::api::Patch::Merge(&status);
    pods.patch_status(name, &kube::api::PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn start() -> (Cluster, Bench, CancellationToken) {
    let cluster = seatrial_testkit::cluster().await;
    cluster.namespace("production").await.unwrap();
    let (bench, stop) = (Bench::new(), CancellationToken::new());
    let (clock, random) = (cluster.clock.clone(), cluster.random.clone());
    let ctx = Context::with_identities(cluster.controllers(), clock, random);
    let (gateway, stopped) = (bench.gateway.clone(), stop.clone());
    tokio::spawn(async move { follow(&ctx, &gateway, stopped).await });
    (cluster, bench, stop)
}

/// Of `count` modelled requests, how many the canary gets; none if the route is not there yet.
fn canary_share(bench: &Bench, count: usize) -> Option<usize> {
    let headers = HeaderMap::new();
    let versions: Option<Vec<String>> = (0..count)
        .map(|_| {
            let modelled =
                bench
                    .gateway
                    .model(&Method::GET, "production-app.production", "/", &headers);
            Some(modelled.outcome.ok()?.version.to_string())
        })
        .collect();
    Some(
        versions?
            .iter()
            .filter(|version| *version == "canary")
            .count(),
    )
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_cluster_become_routes() {
    let (cluster, bench, stop) = start().await;
    for name in ["stable", "canary"] {
        cluster.create(service(name)).await.unwrap();
        cluster.create(pod(name, name)).await.unwrap();
        make_ready(&cluster, name).await;
        bench.pods.serve(name, Pod::Answers(name));
    }
    cluster.apply(split(90, 10)).await.unwrap();
    let bench = &bench;
    let share =
        |wanted: usize| async move { (canary_share(bench, 10) == Some(wanted)).then_some(()) };
    eventually("one of ten requests for the canary", LIMIT, || share(1)).await;
    cluster.apply(split(50, 50)).await.unwrap();
    eventually("half of the requests for the canary", LIMIT, || share(5)).await;

    let mut client = bench.client().await;
    let answer = client
        .send(Method::GET, "production-app.production.localhost", "/", "")
        .await;
    assert!(
        ["stable", "canary"].contains(&answer.2.as_str()),
        "{answer:?}"
    );
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_routed_becomes_an_event() {
    let (cluster, _bench, stop) = start().await;
    let mut object = split(90, 10);
    object["spec"]["http"][0]["route"][1]["destination"]["subset"] = json!("v2");
    cluster.apply(object).await.unwrap();
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), "production");
    let found = eventually("an event about the subset", LIMIT, || async {
        let list = events.list(&ListParams::default()).await.unwrap();
        list.items
            .into_iter()
            .find(|event| event.reason.as_deref() == Some("NotRouted"))
    });
    let event = found.await;
    let message = event.message.unwrap_or_default();
    assert!(
        message.contains("spec.http[0].route[1].destination.subset"),
        "{message}"
    );
    assert_eq!(event.involved_object.name.as_deref(), Some("app-vsvc"));
    stop.cancel();
}
