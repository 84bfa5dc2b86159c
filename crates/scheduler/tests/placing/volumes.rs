//! Pods go where their volumes can be.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::*;

async fn add_class(cluster: &Cluster, provisioner: &str) {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "slow"}, "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer"});
    cluster.create(class).await.unwrap();
}

async fn add_claim(cluster: &Cluster, name: &str, class: &str) {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"storageClassName": class, "accessModes": ["ReadWriteOnce"],
                 "resources": {"requests": {"storage": "1Gi"}}}});
    cluster.create(claim).await.unwrap();
}

async fn add_volume(cluster: &Cluster, name: &str, size: &str, node: &str) {
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"storageClassName": "slow", "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size}, "local": {"path": "/data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": [node]}]}]}}}});
    cluster.create(volume).await.unwrap();
}

fn mounting(claim: &str) -> Value {
    json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]})
}

/// Plays the volume controller: binds the claim to a volume.
async fn bind(cluster: &Cluster, claim: &str, volume: &str) {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let patch = json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                       "spec": {"volumeName": volume}});
    let params = PatchParams::default();
    claims
        .patch(claim, &params, &Patch::Merge(patch))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_missing_or_unbound_is_named() {
    let cluster = start(1).await;
    add_pod(&cluster, "a", "1m", mounting("missing")).await;
    add_claim(&cluster, "unbound", "").await;
    add_pod(&cluster, "b", "1m", mounting("unbound")).await;
    wait(5).await;
    expect![[r#"
        [
            "a nowhere: False Unschedulable 0/1 nodes are available: persistentvolumeclaim \"missing\" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            "b nowhere: False Unschedulable 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ]
    "#]].assert_debug_eq(&places(&cluster).await);
    add_volume(&cluster, "v", "1Gi", "n0").await;
    add_claim(&cluster, "missing", "").await;
    bind(&cluster, "missing", "v").await;
    wait(10).await;
    assert_eq!(places(&cluster).await[0], "a n0: True");
}

#[tokio::test(start_paused = true)]
async fn the_provisioner_is_told_the_node_and_waited_for() {
    let cluster = start(2).await;
    add_class(&cluster, "example.com/disks").await;
    add_claim(&cluster, "data", "slow").await;
    add_pod(&cluster, "a", "1m", mounting("data")).await;
    wait(5).await;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let claim = claims.get("data").await.unwrap();
    let selected = claim.metadata.annotations.unwrap();
    assert_eq!(selected["volume.kubernetes.io/selected-node"], "n0");
    assert_eq!(places(&cluster).await, ["a nowhere: unsaid"]);
    add_volume(&cluster, "made", "1Gi", "n0").await;
    bind(&cluster, "data", "made").await;
    wait(1).await;
    assert_eq!(places(&cluster).await, ["a n0: True"]);
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_there_decides_the_node() {
    let cluster = start(3).await;
    add_class(&cluster, "kubernetes.io/no-provisioner").await;
    add_volume(&cluster, "small", "1Mi", "n0").await;
    add_volume(&cluster, "large", "9Gi", "n2").await;
    for name in ["one", "two"] {
        add_claim(&cluster, name, "slow").await;
        add_pod(&cluster, name, "1m", mounting(name)).await;
    }
    wait(2).await;
    let volumes: Api<k8s_openapi::api::core::v1::PersistentVolume> =
        Api::all(cluster.client.clone());
    let large = volumes.get("large").await.unwrap();
    let holder = large.spec.unwrap().claim_ref.unwrap();
    assert_eq!(holder.name.as_deref(), Some("one"));
    bind(&cluster, "one", "large").await;
    wait(2).await;
    expect![[r#"
        [
            "one n2: True",
            "two nowhere: False Unschedulable 0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        ]
    "#]].assert_debug_eq(&places(&cluster).await);
}

#[tokio::test(start_paused = true)]
async fn a_claim_for_one_pod_lets_no_other_in() {
    let cluster = start(2).await;
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": NAMESPACE, "name": "data"},
        "spec": {"storageClassName": "", "accessModes": ["ReadWriteOncePod"],
                 "resources": {"requests": {"storage": "1Gi"}}}});
    cluster.create(claim).await.unwrap();
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/data"}}});
    cluster.create(volume).await.unwrap();
    bind(&cluster, "data", "v").await;
    add_pod(&cluster, "first", "1m", mounting("data")).await;
    wait(1).await;
    add_pod(&cluster, "second", "1m", mounting("data")).await;
    wait(2).await;
    expect![[r#"
        first n0: True
        second nowhere: False Unschedulable 0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."#]].assert_eq(&places(&cluster).await.join("\n"));
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let now = DeleteParams::default().grace_period(0);
    pods.delete("first", &now).await.unwrap();
    wait(15).await;
    let left = places(&cluster).await;
    assert!(left.len() == 1 && left[0].ends_with(": True"), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_takes_no_more_volumes_than_its_driver_can() {
    let cluster = start(2).await;
    for (node, count) in [("n0", 1), ("n1", 2)] {
        let limits = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": node},
            "spec": {"drivers": [{"name": "disks.example.com", "nodeID": node, "allocatable": {"count": count}}]}});
        cluster.create(limits).await.unwrap();
    }
    for number in 0..4 {
        let name = format!("d{number}");
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"storageClassName": "", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"},
                "csi": {"driver": "disks.example.com", "volumeHandle": name}}});
        cluster.create(volume).await.unwrap();
        add_claim(&cluster, &name, "").await;
        bind(&cluster, &name, &name).await;
        add_pod(&cluster, &name, "1m", mounting(&name)).await;
        wait(1).await;
    }
    // Who shares a volume that is there takes no more.
    add_pod(&cluster, "shares", "1m", mounting("d0")).await;
    wait(2).await;
    let places = places(&cluster).await;
    assert_eq!(
        places[..3]
            .iter()
            .filter(|place| place.contains(" n1: True"))
            .count(),
        2,
        "{places:?}"
    );
    assert_eq!(
        places[..3]
            .iter()
            .filter(|place| place.contains(" n0: True"))
            .count(),
        1,
        "{places:?}"
    );
    expect!["d3 nowhere: False Unschedulable 0/2 nodes are available: 2 node(s) exceed max volume count. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."].assert_eq(&places[3]);
    assert!(places[4].ends_with(": True"), "{places:?}");
    // Another driver's limit, or a larger one, is seen at once.
    let nodes: Api<k8s_openapi::api::storage::v1::CSINode> = Api::all(cluster.client.clone());
    let more = json!({"spec": {"drivers": [{"name": "disks.example.com", "nodeID": "n0", "allocatable": {"count": 5}}]}});
    let params = PatchParams::default();
    nodes
        .patch("n0", &params, &Patch::Merge(more))
        .await
        .unwrap();
    wait(15).await;
    assert_eq!(self::places(&cluster).await[3], "d3 n0: True");
}
