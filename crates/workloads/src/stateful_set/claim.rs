//! The claims of a set's pods, and who owns them. Pure.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;
use seatrial_controller::owner_reference;

use super::identity;

pub(super) fn templates(set: &StatefulSet) -> impl Iterator<Item = &PersistentVolumeClaim> {
    let spec = set.spec.as_ref();
    spec.into_iter()
        .flat_map(|spec| spec.volume_claim_templates.iter().flatten())
}

/// `<template>-<set>-<ordinal>`.
pub(super) fn name(set: &StatefulSet, template: &PersistentVolumeClaim, ordinal: i32) -> String {
    let template = template.metadata.name.as_deref().unwrap_or_default();
    format!("{template}-{}-{ordinal}", identity::set_name(set))
}

/// Whether a claim of this name belongs to a pod of the set.
pub(super) fn is_of(set: &StatefulSet, claim: &str) -> bool {
    let Some((parent, _)) = identity::split(claim) else {
        return false;
    };
    templates(set).any(|template| {
        let template = template.metadata.name.as_deref().unwrap_or_default();
        parent
            .strip_prefix(template)
            .and_then(|rest| rest.strip_prefix('-'))
            == Some(identity::set_name(set))
    })
}

/// When a claim goes together with what used it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Retention {
    pub(super) with_set: bool,
    pub(super) with_pod: bool,
}

impl Retention {
    pub(super) fn of(set: &StatefulSet) -> Self {
        let policy = set
            .spec
            .as_ref()
            .and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
        let deletes = |policy: Option<&String>| policy.is_some_and(|policy| policy == "Delete");
        Self {
            with_set: policy.is_some_and(|policy| deletes(policy.when_deleted.as_ref())),
            with_pod: policy.is_some_and(|policy| deletes(policy.when_scaled.as_ref())),
        }
    }
}

/// The claim of a template for one ordinal, not yet created.
pub(super) fn fresh(
    set: &StatefulSet,
    template: &PersistentVolumeClaim,
    ordinal: i32,
) -> PersistentVolumeClaim {
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    let selector = set.spec.as_ref().map(|spec| &spec.selector);
    let selected = selector.and_then(|selector| selector.match_labels.clone());
    labels.extend(selected.unwrap_or_default());
    let owner = Retention::of(set)
        .with_set
        .then(|| vec![owner_reference(set)]);
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name(set, template, ordinal)),
            namespace: set.metadata.namespace.clone(),
            labels: (!labels.is_empty()).then_some(labels),
            annotations: template.metadata.annotations.clone(),
            owner_references: owner,
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// The owners that a claim should have, where they differ from those it has. A claim that outlives
/// its pod but not the set is the set's; one whose pod is scaled away goes with that pod.
pub(super) fn owners(
    set: &StatefulSet,
    claim: &PersistentVolumeClaim,
    pod: &Pod,
    condemned: bool,
) -> Option<Vec<OwnerReference>> {
    let retention = Retention::of(set);
    let by_pod = retention.with_pod && condemned;
    let by_set = retention.with_set && !by_pod;
    let present = claim.metadata.owner_references.clone().unwrap_or_default();
    let mut wanted = present.clone();
    reconcile(&mut wanted, owner_reference(set), by_set);
    reconcile(&mut wanted, owner_reference(pod), by_pod);
    (wanted != present).then_some(wanted)
}

fn reconcile(owners: &mut Vec<OwnerReference>, owner: OwnerReference, wanted: bool) {
    let there = owners.iter().any(|one| one.uid == owner.uid);
    match (wanted, there) {
        (true, false) => owners.push(owner),
        (false, true) => owners.retain(|one| one.uid != owner.uid),
        _ => {}
    }
}

/// Whether the claim is about to be collected with a pod that is gone: a new pod must not use it.
pub(super) fn is_stale(claim: &PersistentVolumeClaim, pod: Option<&Pod>) -> bool {
    let uid = pod.and_then(|pod| pod.metadata.uid.as_deref());
    let owners = claim.metadata.owner_references.as_deref();
    owners
        .unwrap_or_default()
        .iter()
        .any(|owner| owner.kind == "Pod" && Some(owner.uid.as_str()) != uid)
}
