//! The controller of volumes: their phase, what becomes of released ones, and their protection.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{
    Caches, Context, Notice, ObjectKey, Outcome, Reconciler, Watches, key_of,
};

use super::class::PROVISIONER;
use super::{Error, PROVISIONED_BY, VOLUME_FINALIZER, annotation, release};

/// The controller of PersistentVolumes.
pub struct Volumes;

/// What a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Available,
    Bound,
    /// Its claim is gone; it stays.
    Released,
    /// Its claim is gone, and so should it be.
    Reclaim,
    /// Its claim is gone, and nobody here can do what it asks for.
    Failed(String),
}

/// Pure.
pub(super) fn phase(volume: &PersistentVolume, claim: Option<&PersistentVolumeClaim>) -> Phase {
    let spec = volume.spec.as_ref();
    let Some(reference) = spec.and_then(|spec| spec.claim_ref.as_ref()) else {
        return Phase::Available;
    };
    let uid = reference.uid.as_deref().unwrap_or_default();
    if uid.is_empty() {
        // Reserved by name for a claim that has not taken it yet.
        return Phase::Available;
    }
    if claim.is_some_and(|claim| claim.metadata.uid.as_deref() == Some(uid)) {
        return Phase::Bound;
    }
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    match spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) {
        Some("Delete") if annotation(&volume.metadata, PROVISIONED_BY) == Some(PROVISIONER) => {
            Phase::Reclaim
        }
        Some("Delete") => Phase::Failed(format!(
            "error getting deleter volume plugin for volume \"{name}\": no deletable volume \
             plugin matched"
        )),
        Some("Recycle") => Phase::Failed(format!(
            "Recycle failed: no recycler plugin for volume \"{name}\": use the policy Delete or \
             Retain"
        )),
        _ => Phase::Released,
    }
}

fn status(
    before: Option<&PersistentVolumeStatus>,
    phase: &Phase,
    now: Timestamp,
) -> PersistentVolumeStatus {
    let (name, message) = match phase {
        Phase::Available => ("Available", None),
        Phase::Bound => ("Bound", None),
        Phase::Released | Phase::Reclaim => ("Released", None),
        Phase::Failed(message) => ("Failed", Some(message.clone())),
    };
    let same = before.filter(|before| before.phase.as_deref() == Some(name));
    PersistentVolumeStatus {
        phase: Some(name.to_owned()),
        message,
        reason: None,
        last_phase_transition_time: same
            .and_then(|same| same.last_phase_transition_time.clone())
            .or(Some(Time(now))),
    }
}

impl Reconciler for Volumes {
    const NAME: &'static str = "persistent-volume-binder";
    type Object = PersistentVolume;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<PersistentVolume>) {
        watches.mapped::<PersistentVolumeClaim, _>(of_claim);
    }

    async fn reconcile(
        &self,
        volume: Arc<PersistentVolume>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        let (_, claims) = super::caches(ctx).await;
        let spec = volume.spec.as_ref();
        let reference = spec.and_then(|spec| spec.claim_ref.as_ref());
        let claim =
            reference.and_then(|one| claims.find(one.namespace.as_deref()?, one.name.as_deref()?));
        let phase = phase(&volume, claim.as_deref());
        let volumes = ctx.objects::<PersistentVolume>();
        if volume.metadata.deletion_timestamp.is_some() {
            if phase != Phase::Bound {
                release(&volumes, &*volume, VOLUME_FINALIZER)
                    .await
                    .map_err(Error::Release)?;
            }
            return Ok(Outcome::settled());
        }
        let status = status(volume.status.as_ref(), &phase, ctx.clock.now());
        if phase == Phase::Reclaim {
            volumes.delete(&volume).await.map_err(Error::Delete)?;
            return Ok(Outcome::settled());
        }
        let told = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let outcome = Outcome::settled().with_status(status);
        Ok(match phase {
            Phase::Failed(text) if told != Some("Failed") => {
                outcome.with_event(Notice::warning("VolumeFailedDelete", text))
            }
            _ => outcome,
        })
    }
}

/// The volume a claim names; while it names none, the volumes that name it: a claim can go between
/// the two writes that join it to its volume.
fn of_claim(claim: &PersistentVolumeClaim, caches: &Caches) -> Vec<ObjectKey> {
    let spec = claim.spec.as_ref();
    let named = spec.and_then(|spec| spec.volume_name.as_deref());
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        return vec![ObjectKey::cluster(name)];
    }
    let names_it = |volume: &PersistentVolume| {
        let reference = volume.spec.as_ref()?.claim_ref.as_ref()?;
        Some(
            reference.name == claim.metadata.name
                && reference.namespace == claim.metadata.namespace,
        )
    };
    let volumes = caches.of::<PersistentVolume>().all();
    let known = volumes
        .iter()
        .filter(|one| names_it(one.as_ref()) == Some(true));
    known.map(|volume| key_of(&**volume)).collect()
}
