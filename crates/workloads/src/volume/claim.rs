//! The controller of claims: binds them, makes volumes for them, and keeps them while they are used.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::Patch;
use seatrial_controller::{
    Caches, Context, Notice, ObjectKey, Outcome, Reconciler, Watches, key_of, write,
};
use serde_json::json;

use super::binding::{Plan, World, decide};
use super::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, CLAIM_FINALIZER, Error, SELECTED_NODE, annotation,
    claims_of, class, fit, growth, release,
};
use crate::pod;

/// The controller of PersistentVolumeClaims.
pub struct Claims;

impl Reconciler for Claims {
    const NAME: &'static str = "persistent-volume-binder";
    type Object = PersistentVolumeClaim;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<PersistentVolumeClaim>) {
        watches.mapped::<Pod, _>(|pod, _| {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            claims_of(pod)
                .map(|claim| ObjectKey::new(namespace, claim.as_str()))
                .collect()
        });
        watches.mapped::<PersistentVolume, _>(interested);
        watches.mapped::<StorageClass, _>(|class, caches| {
            let name = class.metadata.name.as_deref().unwrap_or_default();
            unbound(caches, |claim| fit::class_of(claim) == name)
        });
    }

    async fn reconcile(
        &self,
        claim: Arc<PersistentVolumeClaim>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let mut users = ctx.cache::<Pod>().await.list(namespace);
        users.retain(|pod| !pod::is_finished(pod) && claims_of(pod).any(|one| one == name));
        if claim.metadata.deletion_timestamp.is_some() {
            if users.is_empty() {
                let claims = ctx.objects::<PersistentVolumeClaim>();
                release(&claims, &*claim, CLAIM_FINALIZER)
                    .await
                    .map_err(Error::Release)?;
            }
            return Ok(Outcome::settled());
        }
        let (volumes, _) = super::caches(ctx).await;
        let placed = users.iter().any(|pod| {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            node.is_some_and(|node| !node.is_empty())
        });
        let class = fit::class_of(&claim);
        let world = World {
            volumes: volumes.all(),
            class: ctx.cache::<StorageClass>().await.find("", class),
            has_consumer: placed || annotation(&claim.metadata, SELECTED_NODE).is_some(),
        };
        carry_out(&claim, decide(&claim, &world), ctx).await
    }
}

async fn carry_out(
    claim: &PersistentVolumeClaim,
    plan: Plan,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let before = claim.status.clone().unwrap_or_default();
    let phase = |phase: &str| PersistentVolumeClaimStatus {
        phase: Some(phase.to_owned()),
        ..before.clone()
    };
    match plan {
        Plan::Wait(notice) => Ok(Outcome::settled()
            .with_status(phase("Pending"))
            .with_events(notice)),
        Plan::Lost(notice) => {
            let told = before.phase.as_deref() == Some("Lost");
            let outcome = Outcome::settled().with_status(phase("Lost"));
            Ok(outcome.with_events((!told).then_some(notice)))
        }
        Plan::Provision(class) => {
            let volume = class::volume(claim, &class);
            match ctx.objects::<PersistentVolume>().create(&volume).await {
                Err(error) if !error.is_already_exists() => return Err(Error::Provision(error)),
                _ => {}
            }
            let name = volume.metadata.name.as_deref().unwrap_or_default();
            let text = format!("Successfully provisioned volume {name}");
            join(claim, &volume, ctx).await.map_err(Error::Bind)?;
            Ok(Outcome::settled()
                .with_status(bound(&before, &volume))
                .with_event(Notice::normal("ProvisioningSucceeded", text)))
        }
        Plan::Bind(volume) => {
            join(claim, &volume, ctx).await.map_err(Error::Bind)?;
            let Some(size) = growth::wanted(claim, &volume) else {
                return Ok(Outcome::settled().with_status(bound(&before, &volume)));
            };
            let larger = growth::grow(&volume, size, ctx);
            let larger = larger.await.map_err(Error::Grow)?;
            let name = larger.metadata.name.as_deref().unwrap_or_default();
            let text = format!("ExpandVolume succeeded for volume {name}");
            Ok(Outcome::settled()
                .with_status(bound(&before, &larger))
                .with_event(Notice::normal("VolumeResizeSuccessful", text)))
        }
    }
}

fn bound(
    before: &PersistentVolumeClaimStatus,
    volume: &PersistentVolume,
) -> PersistentVolumeClaimStatus {
    let spec = volume.spec.as_ref();
    PersistentVolumeClaimStatus {
        phase: Some("Bound".to_owned()),
        access_modes: spec.and_then(|spec| spec.access_modes.clone()),
        capacity: spec.and_then(|spec| spec.capacity.clone()),
        ..before.clone()
    }
}

/// Writes the reference from the volume, then the one from the claim, each where it is missing.
async fn join(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
    ctx: &Context,
) -> Result<(), write::Error> {
    let reference = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref());
    let volume_knows = reference.is_some_and(|one| one.uid == claim.metadata.uid);
    if !volume_knows {
        // A volume that somebody reserved by name is not ours to free again.
        let note = reference.is_none().then_some("yes");
        let patch = json!({
            "metadata": {"resourceVersion": volume.metadata.resource_version,
                "annotations": {BOUND_BY_CONTROLLER: note}},
            "spec": {"claimRef": class::claim_reference(claim)},
        });
        let volumes = ctx.objects::<PersistentVolume>();
        volumes.patch(&key_of(volume), &Patch::Merge(patch)).await?;
    }
    let named = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.clone());
    let has_name = named.as_deref().is_some_and(|name| !name.is_empty());
    if has_name && annotation(&claim.metadata, BIND_COMPLETED).is_some() {
        return Ok(());
    }
    let mut notes = json!({BIND_COMPLETED: "yes"});
    if !has_name {
        notes[BOUND_BY_CONTROLLER] = json!("yes");
    }
    let patch = json!({
        "metadata": {"annotations": notes},
        "spec": {"volumeName": volume.metadata.name},
    });
    let claims = ctx.objects::<PersistentVolumeClaim>();
    let joined = claims.patch(&key_of(claim), &Patch::Merge(patch)).await;
    joined.map(drop)
}

fn unbound(caches: &Caches, is: impl Fn(&PersistentVolumeClaim) -> bool) -> Vec<ObjectKey> {
    let claims = caches.of::<PersistentVolumeClaim>().all();
    claims
        .iter()
        .filter(|claim| {
            let status = claim.status.as_ref();
            let phase = status.and_then(|status| status.phase.as_deref());
            phase != Some("Bound") && is(claim)
        })
        .map(|claim| key_of(&**claim))
        .collect()
}

/// A volume concerns the claim it names, and while it names none every claim of its class.
fn interested(volume: &PersistentVolume, caches: &Caches) -> Vec<ObjectKey> {
    let spec = volume.spec.as_ref();
    if let Some(reference) = spec.and_then(|spec| spec.claim_ref.as_ref()) {
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let name = reference.name.as_deref().unwrap_or_default();
        return vec![ObjectKey::new(namespace, name)];
    }
    let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
    unbound(caches, |claim| {
        fit::class_of(claim) == class.unwrap_or_default()
    })
}
