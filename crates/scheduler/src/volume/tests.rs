//! Which volumes do for which claims and nodes.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use seatrial_controller::ObjectKey;
use serde_json::{Value, json};

use super::choose::{candidates, fits_class, smallest, zone_fits};
use super::{Reserved, is_bound};
use crate::cluster::{Cluster, Host};

fn host(labels: Value) -> Host {
    let node: Node =
        serde_json::from_value(json!({"metadata": {"name": "n1", "labels": labels}})).unwrap();
    let mut cluster = Cluster::default();
    cluster.set_node(&node);
    cluster.host(0).unwrap().clone()
}

fn volume(name: &str, size: &str, more: Value) -> Arc<PersistentVolume> {
    let mut volume = json!({"metadata": {"name": name, "labels": {"disk": name}}, "spec": {
        "storageClassName": "slow", "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
        "capacity": {"storage": size}}});
    for (field, value) in more.as_object().unwrap() {
        volume["spec"][field] = value.clone();
    }
    Arc::new(serde_json::from_value(volume).unwrap())
}

fn claim(more: Value) -> PersistentVolumeClaim {
    let mut claim = json!({"metadata": {"namespace": "default", "name": "data"}, "spec": {
        "storageClassName": "slow", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}}}});
    for (field, value) in more.as_object().unwrap() {
        claim["spec"][field] = value.clone();
    }
    serde_json::from_value(claim).unwrap()
}

#[test]
fn a_claim_may_take_what_is_free_and_enough() {
    let claimed = |name: &str, uid: Value| json!({"claimRef": {"namespace": "default", "name": name, "uid": uid}});
    let volumes = || {
        vec![
            volume("large", "9Gi", json!({})),
            volume("enough", "2Gi", json!({})),
            volume("small", "1Gi", json!({})),
            volume("block", "2Gi", json!({"volumeMode": "Block"})),
            volume("fast", "2Gi", json!({"storageClassName": "fast"})),
            volume("taken", "2Gi", claimed("other", json!("u"))),
            volume("promised", "3Gi", claimed("data", Value::Null)),
            volume("reserved", "2Gi", json!({})),
        ]
    };
    let reserved = Reserved::from([("reserved".to_owned(), ObjectKey::new("default", "other"))]);
    let names = |more: Value| {
        let found = candidates(&claim(more), volumes(), &reserved);
        let names = found
            .iter()
            .map(|volume| volume.metadata.name.clone().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(json!({})), "enough promised large");
    assert_eq!(names(json!({"accessModes": ["ReadWriteMany"]})), "");
    assert_eq!(
        names(json!({"accessModes": ["ReadOnlyMany"]})),
        "enough promised large"
    );
    assert_eq!(names(json!({"volumeMode": "Block"})), "block");
    assert_eq!(names(json!({"storageClassName": "fast"})), "fast");
    assert_eq!(
        names(json!({"selector": {"matchLabels": {"disk": "large"}}})),
        "large"
    );
}

#[test]
fn the_smallest_volume_that_the_node_reaches_is_taken() {
    let on = |value: &str| {
        json!({"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "rack", "operator": "In", "values": [value]}]}]}}})
    };
    let volumes = [
        volume("far", "1Gi", on("b")),
        volume("near", "2Gi", on("a")),
        volume("anywhere", "3Gi", json!({})),
    ];
    let taken = |labels: Value, free: fn(&&Arc<PersistentVolume>) -> bool| {
        let taken = smallest(&volumes, &host(labels), free);
        taken.and_then(|volume| volume.metadata.name.clone())
    };
    assert_eq!(
        taken(json!({"rack": "a"}), |_| true).as_deref(),
        Some("near")
    );
    assert_eq!(taken(json!({}), |_| true).as_deref(), Some("anywhere"));
    assert_eq!(taken(json!({}), |_| false), None);
}

#[test]
fn zones_of_a_volume_are_alternatives() {
    let zone = |zone: &str| {
        let mut volume = PersistentVolume::clone(&volume("v", "1Gi", json!({})));
        let labels = volume.metadata.labels.as_mut().unwrap();
        labels.insert("topology.kubernetes.io/zone".into(), zone.into());
        volume
    };
    let at = |value: &str| host(json!({"topology.kubernetes.io/zone": value}));
    assert!(zone_fits(&zone("a__b"), &at("b")));
    assert!(!zone_fits(&zone("a__b"), &at("c")));
    assert!(
        zone_fits(&zone("a"), &host(json!({}))),
        "a cluster without zones"
    );
    assert!(zone_fits(&volume("v", "1Gi", json!({})), &at("c")));
}

#[test]
fn a_class_makes_volumes_where_it_may() {
    let class = |provisioner: &str, more: Value| {
        let mut class = json!({"metadata": {"name": "slow"}, "provisioner": provisioner});
        class["allowedTopologies"] = more;
        serde_json::from_value::<StorageClass>(class).unwrap()
    };
    let anywhere = Value::Null;
    let racks = json!([{"matchLabelExpressions": [{"key": "rack", "values": ["a", "b"]}]}]);
    let rack = |value: &str| host(json!({"rack": value}));
    assert!(fits_class(
        &class("example.com/d", anywhere.clone()),
        &rack("c")
    ));
    assert!(!fits_class(
        &class("kubernetes.io/no-provisioner", anywhere),
        &rack("a")
    ));
    assert!(fits_class(
        &class("example.com/d", racks.clone()),
        &rack("b")
    ));
    assert!(!fits_class(&class("example.com/d", racks), &rack("c")));
}

#[test]
fn a_claim_is_bound_when_its_volume_is_named_and_confirmed() {
    let mut open = claim(json!({}));
    assert!(!is_bound(&open));
    open.spec.as_mut().unwrap().volume_name = Some("v".into());
    assert!(!is_bound(&open), "named, not bound yet");
    let mut annotated = open.clone();
    let done = (
        "pv.kubernetes.io/bind-completed".to_owned(),
        "yes".to_owned(),
    );
    annotated.metadata.annotations = Some([done].into());
    assert!(is_bound(&annotated));
    open.status = serde_json::from_value(json!({"phase": "Bound"})).unwrap();
    assert!(is_bound(&open));
}
