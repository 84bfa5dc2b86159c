//! Volumes that are to be larger: a directory is as large as it is said to be.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::Patch;
use seatrial_controller::{Context, key_of, write};
use seatrial_schema::amount::Amount;
use serde_json::json;

use super::{PROVISIONED_BY, PROVISIONER, annotation};

/// The size that a volume of ours has to grow to for its claim. Pure.
pub(super) fn wanted<'a>(
    claim: &'a PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Option<&'a Quantity> {
    if annotation(&volume.metadata, PROVISIONED_BY) != Some(PROVISIONER) {
        return None;
    }
    let resources = claim.spec.as_ref()?.resources.as_ref()?;
    let asked = resources.requests.as_ref()?.get("storage")?;
    let has = volume.spec.as_ref()?.capacity.as_ref()?.get("storage")?;
    (Amount::parse(&asked.0)? > Amount::parse(&has.0)?).then_some(asked)
}

/// Says the new size of the volume; returns the volume as it is then.
pub(super) async fn grow(
    volume: &PersistentVolume,
    size: &Quantity,
    ctx: &Context,
) -> Result<PersistentVolume, write::Error> {
    let patch = Patch::Merge(json!({ "spec": { "capacity": { "storage": size } } }));
    let volumes = ctx.objects::<PersistentVolume>();
    volumes.patch(&key_of(volume), &patch).await
}
