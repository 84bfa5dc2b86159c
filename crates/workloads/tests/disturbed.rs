//! Evictions, nodes that fall silent, and volumes, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_raw_string_hashes)]

mod support;

use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Node, PersistentVolume, PersistentVolumeClaim, Pod,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, EvictParams, ListParams, Patch, PatchParams,
};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use support::{NAMESPACE, Running, deployment, healthy, start};

#[tokio::test(start_paused = true)]
async fn evictions_keep_to_the_budget() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(deployment("web", 3, "web:1"))
        .await
        .unwrap();
    running
        .cluster
        .create(json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"namespace": NAMESPACE, "name": "web"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }))
        .await
        .unwrap();
    running.rolled_out("web").await;
    let allowed = async || {
        let budget = running
            .api::<PodDisruptionBudget>()
            .get("web")
            .await
            .unwrap();
        budget.status.map_or(0, |status| status.disruptions_allowed)
    };
    running.until(|| async { allowed().await == 1 }).await;
    let pods = running.names::<Pod>().await;
    let api = running.api::<Pod>();
    api.evict(&pods[0], &EvictParams::default()).await.unwrap();
    let refused = api
        .evict(&pods[1], &EvictParams::default())
        .await
        .unwrap_err();
    expect!["Cannot evict pod as it would violate the pod's disruption budget.: TooManyRequests"]
        .assert_eq(&match refused {
            kube::Error::Api(status) => format!("{}: {}", status.message, status.reason),
            other => other.to_string(),
        });
    // Once the replacement is ready the next one may go.
    running.until(|| async { allowed().await == 1 }).await;
    api.evict(&pods[1], &EvictParams::default()).await.unwrap();
}

/// A kind that is nobody's here, with a scale or without.
async fn define(running: &Running, plural: &str, kind: &str, parts: Value) {
    let spec = json!({ "type": "object", "properties": { "replicas": { "type": "integer" } } });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.example.com") },
        "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "plural": plural, "kind": kind },
            "versions": [{ "name": "v1", "served": true, "storage": true, "subresources": parts, "schema": {
                "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": spec } } } }] } });
    running.cluster.create(definition).await.unwrap();
    let object = json!({ "apiVersion": "example.com/v1", "kind": kind,
        "metadata": { "name": "own", "namespace": NAMESPACE }, "spec": { "replicas": 4 } });
    running.cluster.create(object).await.unwrap();
    let kind = GroupVersionKind::gvk("example.com", "v1", kind);
    let objects: Api<DynamicObject> = Api::namespaced_with(
        running.cluster.client.clone(),
        NAMESPACE,
        &ApiResource::from_gvk_with_plural(&kind, plural),
    );
    let uid = objects.get("own").await.unwrap().metadata.uid;
    for number in 0..3 {
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": format!("{plural}-{number}"), "namespace": NAMESPACE, "labels": { "app": plural },
            "ownerReferences": [{ "apiVersion": "example.com/v1", "kind": kind.kind, "name": "own", "uid": uid,
                "controller": true }] },
            "spec": { "containers": [{ "name": "a", "image": "a" }] } });
        running.cluster.create(pod).await.unwrap();
    }
    running
        .cluster
        .create(json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": { "namespace": NAMESPACE, "name": plural },
            "spec": { "maxUnavailable": "50%", "selector": { "matchLabels": { "app": plural } } } }))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_budget_in_percent_asks_the_scale_of_any_kind() {
    let running = start(7, healthy).await;
    let scale = json!({ "scale": { "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" } });
    define(&running, "widgets", "Widget", scale).await;
    define(&running, "gadgets", "Gadget", json!({})).await;
    let status = async |name: &str| {
        let budgets = running.api::<PodDisruptionBudget>();
        budgets.get(name).await.unwrap().status.unwrap_or_default()
    };
    running
        .until(|| async { status("widgets").await.disruptions_allowed == 1 })
        .await;
    let known = status("widgets").await;
    assert_eq!(
        (
            known.expected_pods,
            known.desired_healthy,
            known.current_healthy
        ),
        (4, 2, 3)
    );
    running
        .until(|| async { status("gadgets").await.conditions.is_some() })
        .await;
    let condition = status("gadgets").await.conditions.unwrap().remove(0);
    expect!["SyncFailed gadgets.example.com does not implement the scale subresource"]
        .assert_eq(&format!("{} {}", condition.reason, condition.message));
}

/// A node that is ready, renewing its lease as long as the test does.
async fn node(running: &Running, name: &str) -> Api<Node> {
    let nodes: Api<Node> = Api::all(running.cluster.client.clone());
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    running.cluster.create(object).await.unwrap();
    running
        .cluster
        .create(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"namespace": "kube-node-lease", "name": name},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40,
                "renewTime": "2026-01-01T00:00:00.000000Z"},
        }))
        .await
        .unwrap();
    nodes
}

async fn renew(running: &Running, name: &str) {
    let leases: Api<Lease> = Api::namespaced(running.cluster.client.clone(), "kube-node-lease");
    let now = running.cluster.clock.now();
    let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(now);
    let patch = Patch::Merge(json!({"spec": {"renewTime": time}}));
    leases
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn keys(nodes: &Api<Node>, name: &str) -> Vec<String> {
    let node = nodes.get(name).await.unwrap();
    let taints = node.spec.unwrap_or_default().taints.unwrap_or_default();
    taints
        .into_iter()
        .map(|one| format!("{}:{}", one.key, one.effect))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn pods_leave_a_silent_node_and_it_may_come_back() {
    let running = start(7, healthy).await;
    let nodes = node(&running, "n1").await;
    running.cluster.create(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": NAMESPACE, "name": "p"},
        "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}],
            "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 60},
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 60}]},
    })).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        renew(&running, "n1").await;
    }
    assert!(
        keys(&nodes, "n1").await.is_empty(),
        "a renewed lease keeps it alive"
    );
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(
        keys(&nodes, "n1").await,
        [
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute"
        ]
    );
    let pod = running.api::<Pod>().get("p").await.unwrap();
    let ready = pod
        .status
        .unwrap()
        .conditions
        .unwrap()
        .into_iter()
        .find(|one| one.type_ == "Ready");
    assert_eq!(ready.unwrap().status, "False");
    tokio::time::sleep(Duration::from_secs(65)).await;
    running.gone::<Pod>().await;
    // What the node says of itself when it is back.
    let back =
        Patch::Strategic(json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
    nodes
        .patch_status("n1", &PatchParams::default(), &back)
        .await
        .unwrap();
    renew(&running, "n1").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(keys(&nodes, "n1").await.is_empty());
    let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
    nodes
        .patch("n1", &PatchParams::default(), &cordon)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        keys(&nodes, "n1").await,
        ["node.kubernetes.io/unschedulable:NoSchedule"]
    );
}

fn claim(name: &str, class: Option<&str>) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "1Gi"}}}})
}

#[tokio::test(start_paused = true)]
async fn a_claim_gets_a_volume_when_it_is_used_and_stays_while_it_is() {
    let running = start(7, healthy).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut protected = claim("data", Some("standard"));
    // What admission adds to every claim.
    protected["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    running.cluster.create(protected).await.unwrap();
    let phase = async |name: &str| {
        let claim = running
            .api::<PersistentVolumeClaim>()
            .get(name)
            .await
            .unwrap();
        claim
            .status
            .and_then(|status| status.phase)
            .unwrap_or_default()
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(phase("data").await, "Pending");
    let events = running
        .api::<Event>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let texts: Vec<_> = events
        .items
        .into_iter()
        .filter_map(|one| one.message)
        .collect();
    expect!["waiting for first consumer to be created before binding"].assert_eq(&texts.join("\n"));
    node(&running, "n1").await;
    running.cluster.create(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": NAMESPACE, "name": "p"},
        "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
    })).await.unwrap();
    running
        .until(|| async { phase("data").await == "Bound" })
        .await;
    let volumes: Api<PersistentVolume> = Api::all(running.cluster.client.clone());
    let list = async || volumes.list(&ListParams::default()).await.unwrap().items;
    running
        .until(|| async {
            list().await.iter().any(|one| {
                one.status
                    .as_ref()
                    .and_then(|status| status.phase.as_deref())
                    == Some("Bound")
            })
        })
        .await;
    running
        .delete::<PersistentVolumeClaim>("data", DeleteParams::default())
        .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(
        running.names::<PersistentVolumeClaim>().await,
        ["data"],
        "a pod uses it"
    );
    running
        .delete::<Pod>("p", DeleteParams::default().grace_period(0))
        .await;
    running.gone::<PersistentVolumeClaim>().await;
    running.until(|| async { list().await.is_empty() }).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_may_grow_where_its_class_allows_it() {
    let running = start(7, healthy).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running
        .cluster
        .create(claim("data", Some("standard")))
        .await
        .unwrap();
    let claims = running.api::<PersistentVolumeClaim>();
    let more = async |amount: &str| {
        let patch = Patch::Merge(json!({"spec": {"resources": {"requests": {"storage": amount}}}}));
        let patched = claims.patch("data", &PatchParams::default(), &patch).await;
        patched.map(drop).map_err(|error| error.to_string())
    };
    let early = more("2Gi").await.unwrap_err();
    assert!(
        early.contains("Only bound persistent volume claims can be expanded"),
        "{early}"
    );
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": NAMESPACE, "name": "p"},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}], "volumes":
                [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
        }))
        .await
        .unwrap();
    let capacity = async |amount: &str| {
        let status = claims.get("data").await.unwrap().status.unwrap_or_default();
        let capacity = status.capacity.unwrap_or_default();
        capacity.get("storage").is_some_and(|one| one.0 == amount)
    };
    running.until(|| capacity("1Gi")).await;
    more("3Gi").await.unwrap();
    running.until(|| capacity("3Gi")).await;
    let volumes: Api<PersistentVolume> = Api::all(running.cluster.client.clone());
    let volume = volumes
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(volume.spec.unwrap().capacity.unwrap()["storage"].0, "3Gi");
    let classes: Api<StorageClass> = Api::all(running.cluster.client.clone());
    let fixed = Patch::Merge(json!({"allowVolumeExpansion": false}));
    classes
        .patch("standard", &PatchParams::default(), &fixed)
        .await
        .unwrap();
    let refused = more("4Gi").await.unwrap_err();
    assert!(
        refused.contains("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_may_have_a_claim_of_its_own() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(claim("other-data", None))
        .await
        .unwrap();
    let template = json!({"metadata": {"labels": {"for": "pod"}}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "standard",
        "resources": {"requests": {"storage": "1Gi"}}}});
    for name in ["web", "other"] {
        running.cluster.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}], "volumes":
                [{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}]},
        })).await.unwrap();
    }
    let claims = running.api::<PersistentVolumeClaim>();
    running
        .until(|| async {
            let claim = claims.get_opt("web-data").await.unwrap();
            let status = claim.and_then(|claim| claim.status);
            status.and_then(|status| status.phase).as_deref() == Some("Bound")
        })
        .await;
    let made = claims.get("web-data").await.unwrap();
    assert_eq!(made.metadata.labels.unwrap()["for"], "pod");
    let events = running.api::<Event>().list(&ListParams::default()).await;
    let strange = "PVC test/other-data was not created for pod test/other (pod is not owner)";
    let messages = events
        .unwrap()
        .items
        .into_iter()
        .filter_map(|one| one.message);
    assert_eq!(messages.filter(|one| one == strange).count(), 1);
    let now = DeleteParams::default().grace_period(0);
    running.delete::<Pod>("web", now).await;
    running
        .until(|| async { claims.get_opt("web-data").await.unwrap().is_none() })
        .await;
    assert!(claims.get_opt("other-data").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_volume_made_by_hand_is_bound_and_retained() {
    let running = start(7, healthy).await;
    running
        .cluster
        .create(json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "hand"},
            "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"],
                "storageClassName": "manual", "hostPath": {"path": "/srv"}},
        }))
        .await
        .unwrap();
    running
        .cluster
        .create(claim("data", Some("manual")))
        .await
        .unwrap();
    let volumes: Api<PersistentVolume> = Api::all(running.cluster.client.clone());
    let phase = async || {
        let volume = volumes.get("hand").await.unwrap();
        volume
            .status
            .and_then(|status| status.phase)
            .unwrap_or_default()
    };
    running.until(|| async { phase().await == "Bound" }).await;
    running
        .delete::<PersistentVolumeClaim>("data", DeleteParams::default())
        .await;
    running
        .until(|| async { phase().await == "Released" })
        .await;
}

#[tokio::test(start_paused = true)]
async fn every_namespace_has_the_root_certificate() {
    let running = start(7, healthy).await;
    let controller = seatrial_workloads::RootCertificates::new("PEM");
    let publisher = tokio::spawn(seatrial_controller::run(controller, running.ctx.clone()));
    let text = async || {
        let map = running
            .api::<ConfigMap>()
            .get_opt("kube-root-ca.crt")
            .await
            .unwrap();
        map.and_then(|map| map.data?.remove("ca.crt"))
    };
    running
        .until(|| async { text().await.as_deref() == Some("PEM") })
        .await;
    let patch = Patch::Merge(json!({"data": {"ca.crt": "forged"}}));
    running
        .api::<ConfigMap>()
        .patch("kube-root-ca.crt", &PatchParams::default(), &patch)
        .await
        .unwrap();
    running
        .until(|| async { text().await.as_deref() == Some("PEM") })
        .await;
    running
        .delete::<ConfigMap>("kube-root-ca.crt", DeleteParams::default())
        .await;
    running.until(|| async { text().await.is_some() }).await;
    publisher.abort();
}
