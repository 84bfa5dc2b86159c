//! Endpoints that someone keeps by hand, from the outside, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::{NAMESPACE, healthy, start};

#[tokio::test(start_paused = true)]
async fn endpoints_kept_by_hand_have_slices() {
    let running = start(7, healthy).await;
    let metadata = json!({ "name": "db", "namespace": NAMESPACE });
    let subsets = |address: &str| -> Value {
        json!([{ "addresses": [{ "ip": address }], "ports": [{ "port": 5432 }] }])
    };
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": { "ports": [{ "port": 5432 }] },
    });
    running.cluster.create(service).await.unwrap();
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": metadata,
        "subsets": subsets("192.0.2.1"),
    });
    running.cluster.create(endpoints).await.unwrap();
    let client = running.cluster.client.clone();
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let known: Api<Endpoints> = Api::namespaced(client, NAMESPACE);
    let addresses = || async {
        let params = ListParams::default().labels("kubernetes.io/service-name=db");
        let all = slices.list(&params).await.unwrap().items;
        let all = all.iter().flat_map(|slice| &slice.endpoints);
        all.map(|one| one.addresses[0].clone()).collect::<Vec<_>>()
    };
    running
        .until(|| async { addresses().await == ["192.0.2.1"] })
        .await;
    let other = Patch::Merge(json!({ "subsets": subsets("192.0.2.2") }));
    known
        .patch("db", &PatchParams::default(), &other)
        .await
        .unwrap();
    running
        .until(|| async { addresses().await == ["192.0.2.2"] })
        .await;
    known.delete("db", &DeleteParams::default()).await.unwrap();
    running
        .until(|| async { addresses().await.is_empty() })
        .await;
}
