//! Settles a pod's claims for the node that was chosen, before the pod is bound.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::Patch;
use seatrial_controller::{Cache, Context, ObjectKey, key_of, write};
use serde_json::json;

use super::{Settlement, is_bound};

/// The annotation by which the scheduler tells a provisioner the node.
const SELECTED: &str = "volume.kubernetes.io/selected-node";

/// How long a volume may take (upstream's `bindTimeoutSeconds`).
const PATIENCE: Duration = Duration::from_mins(10);

/// How often to look whether the claims are bound.
const GLANCE: Duration = Duration::from_millis(50);

/// Why a pod's claims were not settled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("tell the provisioner the node")]
    Select(#[source] write::Error),
    #[error("reserve a volume")]
    Reserve(#[source] write::Error),
    #[error("provisioning failed for PVC {0:?}")]
    Refused(String),
    #[error("timed out waiting for PVC {0:?} to be bound")]
    TimedOut(String),
}

/// Flow: reserve volumes and name the node → wait until every claim is bound.
pub(crate) async fn settle(
    ctx: &Context,
    claims: &Cache<PersistentVolumeClaim>,
    settlements: &[Settlement],
    node: &str,
) -> Result<(), Error> {
    for settlement in settlements {
        match settlement {
            Settlement::Take { claim, volume } => reserve(ctx, claim, volume).await?,
            Settlement::Provision { claim } => select(ctx, claim, node).await?,
        }
    }
    ctx.caught_up().await;
    for settlement in settlements {
        let name = || settlement.claim().metadata.name.clone().unwrap_or_default();
        let key = key_of(&**settlement.claim());
        match tokio::time::timeout(PATIENCE, bound(claims, &key, settlement, node)).await {
            Err(_) => return Err(Error::TimedOut(name())),
            Ok(Bound::No) => return Err(Error::Refused(name())),
            Ok(Bound::Yes) => {}
        }
    }
    Ok(())
}

/// How a claim ended up.
enum Bound {
    Yes,
    /// It is gone, or the provisioner asks for another node.
    No,
}

async fn bound(
    claims: &Cache<PersistentVolumeClaim>,
    key: &ObjectKey,
    settlement: &Settlement,
    node: &str,
) -> Bound {
    loop {
        let Some(claim) = claims.get(key) else {
            return Bound::No;
        };
        if is_bound(&claim) {
            return Bound::Yes;
        }
        let selected = claim.metadata.annotations.as_ref();
        let selected = selected.and_then(|all| all.get(SELECTED));
        let provisions = matches!(settlement, Settlement::Provision { .. });
        if provisions && selected.map(String::as_str) != Some(node) {
            return Bound::No;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn select(ctx: &Context, claim: &PersistentVolumeClaim, node: &str) -> Result<(), Error> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {SELECTED: node}}}));
    let claims = ctx.objects::<PersistentVolumeClaim>();
    let written = claims.patch(&key_of(claim), &patch).await;
    written.map(|_| ()).map_err(Error::Select)
}

/// Binds the volume to the claim; the volume controller binds the claim to the volume.
async fn reserve(
    ctx: &Context,
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Result<(), Error> {
    let meta = &claim.metadata;
    let patch = Patch::Merge(json!({
        // Somebody else may have taken it meanwhile.
        "metadata": {
            "resourceVersion": volume.metadata.resource_version,
            "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"},
        },
        "spec": {"claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "namespace": meta.namespace, "name": meta.name, "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        }},
    }));
    let volumes = ctx.objects::<PersistentVolume>();
    let written = volumes.patch(&key_of(volume), &patch).await;
    written.map(|_| ()).map_err(Error::Reserve)
}
