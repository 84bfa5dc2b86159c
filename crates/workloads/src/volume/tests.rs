use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::{Value, json};

use super::binding::{Plan, World, decide};
use super::volumes::phase;

fn claim(spec: Value) -> PersistentVolumeClaim {
    let mut spec = spec;
    spec["accessModes"] = json!(["ReadWriteOnce"]);
    spec["resources"] = json!({"requests": {"storage": "2Gi"}});
    let notes = if spec["bound"] == json!(true) {
        json!({"pv.kubernetes.io/bind-completed": "yes"})
    } else {
        json!({})
    };
    serde_json::from_value(json!({
        "metadata": {"name": "data", "namespace": "test", "uid": "c1", "annotations": notes}, "spec": spec}))
    .unwrap()
}

/// `name size [class] [claim=uid]`
fn volume(text: &str) -> Arc<PersistentVolume> {
    let words: Vec<_> = text.split(' ').collect();
    let mut value = json!({"metadata": {"name": words[0]}, "spec": {
        "capacity": {"storage": words[1]}, "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
        "storageClassName": words[2]}});
    if let Some(uid) = words.get(3) {
        value["spec"]["claimRef"] = json!({"namespace": "test", "name": "data", "uid": uid});
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn class(provisioner: &str, mode: &str) -> Arc<StorageClass> {
    let class = json!({"metadata": {"name": "fast"}, "provisioner": provisioner, "volumeBindingMode": mode});
    Arc::new(serde_json::from_value(class).unwrap())
}

fn check(spec: Value, world: &World, expected: Expect) {
    let text = match decide(&claim(spec), world) {
        Plan::Bind(volume) => format!("bind {}", volume.metadata.name.as_ref().unwrap()),
        Plan::Provision(class) => format!("provision {}", class.metadata.name.as_ref().unwrap()),
        Plan::Lost(notice) => format!("lost {}", notice.reason),
        Plan::Wait(notice) => notice.map_or("wait".to_owned(), |one| {
            format!("wait {}: {}", one.reason, one.message)
        }),
    };
    expected.assert_eq(&text);
}

fn with(volumes: &[&str]) -> World {
    World {
        volumes: volumes.iter().map(|text| volume(text)).collect(),
        ..World::default()
    }
}

#[test]
fn the_smallest_volume_that_fits_is_taken() {
    let none = || json!({"storageClassName": ""});
    check(
        none(),
        &with(&["big 10Gi ", "small 1Gi ", "right 3Gi ", "other 2Gi fast"]),
        expect!["bind right"],
    );
    check(
        none(),
        &with(&["right 3Gi ", "mine 9Gi  c1"]),
        expect!["bind mine"],
    );
    check(
        none(),
        &with(&["taken 3Gi  c2"]),
        expect![
            "wait FailedBinding: no persistent volumes available for this claim and no storage class is set"
        ],
    );
    check(
        json!({"storageClassName": "fast"}),
        &with(&[]),
        expect![[r#"wait ProvisioningFailed: storageclass.storage.k8s.io "fast" not found"#]],
    );
}

#[test]
fn classes_make_volumes_or_wait() {
    let fast = || json!({"storageClassName": "fast"});
    let world = |provisioner: &str, mode: &str, has_consumer| World {
        class: Some(class(provisioner, mode)),
        has_consumer,
        ..World::default()
    };
    check(
        fast(),
        &world(super::PROVISIONER, "Immediate", false),
        expect!["provision fast"],
    );
    check(
        fast(),
        &world(super::PROVISIONER, "WaitForFirstConsumer", false),
        expect![
            "wait WaitForFirstConsumer: waiting for first consumer to be created before binding"
        ],
    );
    check(
        fast(),
        &world(super::PROVISIONER, "WaitForFirstConsumer", true),
        expect!["provision fast"],
    );
    check(
        fast(),
        &world("example.com/nfs", "Immediate", false),
        expect![
            "wait ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/nfs' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        ],
    );
    check(
        json!({"storageClassName": "fast", "volumeMode": "Block"}),
        &world(super::PROVISIONER, "Immediate", false),
        expect![[
            r#"wait ProvisioningFailed: failed to provision volume with StorageClass "fast": block volume provisioning is not supported"#
        ]],
    );
}

#[test]
fn a_named_volume_is_waited_for_or_lost() {
    let named = |bound| json!({"storageClassName": "", "volumeName": "v", "bound": bound});
    check(named(false), &with(&[]), expect!["wait"]);
    check(named(true), &with(&[]), expect!["lost ClaimLost"]);
    check(named(false), &with(&["v 3Gi "]), expect!["bind v"]);
    check(
        named(false),
        &with(&["v 3Gi  c2"]),
        expect![[r#"wait FailedBinding: volume "v" already bound to a different claim."#]],
    );
}

#[test]
fn a_released_volume_stays_goes_or_fails() {
    let released = |policy: &str, by: &str| -> String {
        let mut one = PersistentVolume::clone(&volume("v 3Gi  c2"));
        one.spec.as_mut().unwrap().persistent_volume_reclaim_policy = Some(policy.to_owned());
        one.metadata.annotations =
            Some([("pv.kubernetes.io/provisioned-by".to_owned(), by.to_owned())].into());
        format!(
            "{policy} {by}: {:?}\n",
            phase(&one, Some(&claim(json!({}))))
        )
    };
    let text = released("Retain", super::PROVISIONER)
        + &released("Delete", super::PROVISIONER)
        + &released("Delete", "x");
    expect![[r#"
        Retain seatrial.dev/directory: Released
        Delete seatrial.dev/directory: Reclaim
        Delete x: Failed("error getting deleter volume plugin for volume \"v\": no deletable volume plugin matched")
    "#]].assert_eq(&text);
}
