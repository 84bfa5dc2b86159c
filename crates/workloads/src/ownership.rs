//! Whose children are whose; taking them over and letting them go.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::Patch;
use kube::core::Selector;
use seatrial_controller::{
    Cache, Context, Object, Objects, Static, is_controlled_by, key_of, owner_reference, write,
};
use serde_json::json;

use crate::selector;

/// What concerns one owner, each list in the order of names.
#[derive(Debug)]
pub(crate) struct Family<K> {
    /// Owned and matching, ended and terminating ones included.
    pub(crate) owned: Vec<Arc<K>>,
    /// Owned, but their labels no longer match.
    pub(crate) strays: Vec<Arc<K>>,
    /// Matching, nobody's, and to stay.
    pub(crate) orphans: Vec<Arc<K>>,
}

/// What the cache has of one owner.
pub(crate) fn family<O: Static, K: Object>(
    owner: &O,
    selector: &Selector,
    cache: &Cache<K>,
) -> Family<K> {
    let meta = owner.meta();
    let (owned, strays) = cache
        .owned_by(meta.uid.as_deref().unwrap_or_default())
        .into_iter()
        .filter(|child| is_controlled_by(&**child, owner))
        .partition(|child| selector::matches(selector, child.meta()));
    let mut orphans = cache.orphans(meta.namespace.as_deref().unwrap_or_default());
    orphans.retain(|child| {
        let meta = child.meta();
        meta.deletion_timestamp.is_none() && selector::matches(selector, meta)
    });
    Family {
        owned,
        strays,
        orphans,
    }
}

/// A child could not change hands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A matching orphan could not be taken over.
    #[error("adopt one of {0}")]
    Adopt(String, #[source] write::Error),
    /// A child that no longer matches could not be let go.
    #[error("release one of {0}")]
    Release(String, #[source] write::Error),
}

impl Error {
    /// The reason of the event that tells of it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Adopt(..) => "FailedAdopt",
            Self::Release(..) => "FailedRelease",
        }
    }
}

/// Lets children go, then takes others over.
pub(crate) async fn exchange<O: Static, K: Static>(
    owner: &O,
    released: &[Arc<K>],
    adopted: &[Arc<K>],
    ctx: &Context,
) -> Result<(), Error> {
    exchange_for(&owner_reference(owner), released, adopted, ctx).await
}

/// The same for an owner that is known by its reference.
pub(crate) async fn exchange_for<K: Static>(
    owner: &OwnerReference,
    released: &[Arc<K>],
    adopted: &[Arc<K>],
    ctx: &Context,
) -> Result<(), Error> {
    let objects = ctx.objects::<K>();
    let kind = || K::plural(&()).into_owned();
    for child in released {
        let done = release(&objects, &**child, &owner.uid).await;
        done.map_err(|error| Error::Release(kind(), error))?;
    }
    for child in adopted {
        let done = adopt(&objects, &**child, owner).await;
        done.map_err(|error| Error::Adopt(kind(), error))?;
    }
    Ok(())
}

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
