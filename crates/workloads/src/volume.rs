//! Claims and volumes: who gets which, made where none fits, and nothing lost while it is in use.
//!
//! ```text
//!   StorageClass ──┐
//!   claim ─────────┴─► match or make a volume ──► volume.claimRef ──► claim.volumeName ──► Bound
//!   claim or volume deleted ──► waits for its last user (finalizer) ──► released, reclaimed
//! ```
//!
//! Volumes of the class `standard` are made here: directories of the machine, which the node makes
//! when a pod first uses one. Classes of other provisioners are waited for. A claim of a class that
//! waits for its first consumer is bound once a pod that uses it has a node.

mod binding;
mod claim;
mod class;
mod fit;
mod growth;
#[cfg(test)]
mod tests;
mod volumes;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use seatrial_controller::{Class, Classify, Context, write};

pub use self::claim::Claims;
pub use self::class::{PROVISIONER, STANDARD, ensure_standard};
pub use self::volumes::Volumes;

const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A volume could not be made for a claim.
    #[error("failed to provision volume")]
    Provision(#[source] write::Error),
    /// A claim and a volume could not be joined.
    #[error("bind the volume")]
    Bind(#[source] write::Error),
    /// A volume could not be made larger.
    #[error("resize the volume")]
    Grow(#[source] write::Error),
    /// A finalizer could not be removed.
    #[error("remove the finalizer")]
    Release(#[source] write::Error),
    /// A released volume could not be deleted.
    #[error("delete the volume")]
    Delete(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Provision(_) => "ProvisioningFailed",
            Self::Bind(_) => "FailedBinding",
            Self::Grow(_) => "VolumeResizeFailed",
            Self::Release(_) => "FailedRelease",
            Self::Delete(_) => "VolumeFailedDelete",
        }
    }
}

fn annotation<'a>(meta: &'a kube::core::ObjectMeta, name: &str) -> Option<&'a str> {
    let annotations = meta.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}

/// The names of the claims that a pod uses, those of its ephemeral volumes included.
fn claims_of(pod: &Pod) -> impl Iterator<Item = String> + '_ {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(move |volume| match &volume.persistent_volume_claim {
        Some(claim) => Some(claim.claim_name.clone()),
        None => volume
            .ephemeral
            .as_ref()
            .map(|_| format!("{name}-{}", volume.name)),
    })
}

/// Removes a finalizer; none there is no error.
async fn release<K: seatrial_controller::Object>(
    objects: &seatrial_controller::Objects<K>,
    object: &K,
    finalizer: &str,
) -> Result<(), write::Error> {
    let meta = object.meta();
    let mut finalizers = meta.finalizers.clone().unwrap_or_default();
    let before = finalizers.len();
    finalizers.retain(|one| one != finalizer);
    if finalizers.len() == before {
        return Ok(());
    }
    let patch = kube::api::Patch::Merge(serde_json::json!({"metadata": {
        "uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": finalizers,
    }}));
    let key = seatrial_controller::key_of(object);
    match objects.patch(&key, &patch).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}

/// The volumes and claims as this crate's two controllers see them.
async fn caches(
    ctx: &Context,
) -> (
    seatrial_controller::Cache<PersistentVolume>,
    seatrial_controller::Cache<PersistentVolumeClaim>,
) {
    (ctx.cache().await, ctx.cache().await)
}
