//! Taking children over and letting them go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::Patch;
use seatrial_controller::{Object, Objects, key_of, write};
use serde_json::json;

/// Adds `owner` to the owner references of an orphan, if nobody changed it meanwhile.
pub(crate) async fn adopt<K: Object>(
    objects: &Objects<K>,
    child: &K,
    owner: &OwnerReference,
) -> Result<(), write::Error> {
    let mut owners = child.meta().owner_references.clone().unwrap_or_default();
    owners.push(owner.clone());
    set(objects, child, &owners).await
}

/// Removes the owner with this uid from a child whose labels no longer match.
pub(crate) async fn release<K: Object>(
    objects: &Objects<K>,
    child: &K,
    owner_uid: &str,
) -> Result<(), write::Error> {
    let mut owners = child.meta().owner_references.clone().unwrap_or_default();
    owners.retain(|owner| owner.uid != owner_uid);
    match set(objects, child, &owners).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn set<K: Object>(
    objects: &Objects<K>,
    child: &K,
    owners: &[OwnerReference],
) -> Result<(), write::Error> {
    let meta = child.meta();
    let patch = json!({"metadata": {
        "uid": meta.uid, "resourceVersion": meta.resource_version, "ownerReferences": owners,
    }});
    objects
        .patch(&key_of(child), &Patch::Merge(patch))
        .await
        .map(|_| ())
}
