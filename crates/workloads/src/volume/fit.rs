//! Which volume fits a claim. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::core::Selector;
use seatrial_schema::quantity;

use super::annotation;
use crate::selector;

/// The class a claim asks for; the empty name asks for volumes without a class.
pub(super) fn class_of(claim: &PersistentVolumeClaim) -> &str {
    let old = annotation(&claim.metadata, "volume.beta.kubernetes.io/storage-class");
    let spec = claim.spec.as_ref();
    old.or_else(|| spec.and_then(|spec| spec.storage_class_name.as_deref()))
        .unwrap_or_default()
}

fn bytes(amount: Option<&Quantity>) -> f64 {
    amount
        .and_then(|amount| quantity::value(&amount.0))
        .unwrap_or(0.0)
}

/// Whether the volume is reserved for this claim, by name and, where it says one, by uid.
pub(super) fn is_reserved_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let reference = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref());
    reference.is_some_and(|reference| {
        let uid = reference.uid.as_deref().filter(|uid| !uid.is_empty());
        reference.namespace == claim.metadata.namespace
            && reference.name == claim.metadata.name
            && uid.is_none_or(|uid| claim.metadata.uid.as_deref() == Some(uid))
    })
}

/// Whether the volume gives what the claim asks for.
fn satisfies(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(has), Some(asks)) = (&volume.spec, &claim.spec) else {
        return false;
    };
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
    let modes = has.access_modes.as_deref().unwrap_or_default();
    let wanted = asks.access_modes.as_deref().unwrap_or_default();
    let requests = asks
        .resources
        .as_ref()
        .and_then(|one| one.requests.as_ref());
    let size = bytes(has.capacity.as_ref().and_then(|all| all.get("storage")));
    let needed = bytes(requests.and_then(|all| all.get("storage")));
    let selected = match &asks.selector {
        None => true,
        Some(selector) => Selector::try_from(selector.clone())
            .is_ok_and(|selector| selector::matches(&selector, &volume.metadata)),
    };
    has.storage_class_name.as_deref().unwrap_or_default() == class_of(claim)
        && mode(&has.volume_mode) == mode(&asks.volume_mode)
        && wanted.iter().all(|one| modes.contains(one))
        && size >= needed
        && selected
}

/// The volume that fits best: one reserved for the claim, else the smallest that is free.
pub(super) fn best(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
) -> Option<Arc<PersistentVolume>> {
    let usable = |volume: &&Arc<PersistentVolume>| {
        volume.metadata.deletion_timestamp.is_none() && satisfies(volume, claim)
    };
    let reserved = volumes
        .iter()
        .filter(usable)
        .find(|volume| is_reserved_for(volume, claim));
    let free = volumes.iter().filter(usable).filter(|volume| {
        let taken = volume
            .spec
            .as_ref()
            .is_some_and(|spec| spec.claim_ref.is_some());
        let phase = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        !taken && !matches!(phase, Some("Released" | "Failed"))
    });
    let size = |volume: &PersistentVolume| {
        let spec = volume.spec.as_ref();
        bytes(spec.and_then(|spec| spec.capacity.as_ref()?.get("storage")))
    };
    let smallest = free.min_by(|one, other| size(one).total_cmp(&size(other)));
    reserved.or(smallest).cloned()
}
