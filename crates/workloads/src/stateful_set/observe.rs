//! What a StatefulSet has.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use seatrial_controller::{Context, is_controlled_by};

use super::{Error, claim, identity};
use crate::history::{self, History};
use crate::selector;

/// What concerns one set; each list in the order of names.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Owned and matching, finished and terminating ones included.
    pub(super) owned: Vec<Arc<Pod>>,
    /// Owned, but their labels no longer match.
    pub(super) strays: Vec<Arc<Pod>>,
    /// Matching, named like one of ours, and nobody's.
    pub(super) orphans: Vec<Arc<Pod>>,
    /// Claims by name.
    pub(super) claims: BTreeMap<String, Arc<PersistentVolumeClaim>>,
    pub(super) history: History,
}

pub(super) async fn observe(set: &StatefulSet, ctx: &Context) -> Result<World, Error> {
    let spec = set.spec.as_ref().ok_or(Error::NoSpec)?;
    let selector = selector::parse(&spec.selector)?;
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let uid = set.metadata.uid.as_deref().unwrap_or_default();
    let pods = ctx.cache::<Pod>().await;
    let (owned, strays) = pods
        .owned_by(uid)
        .into_iter()
        .filter(|pod| is_controlled_by(&**pod, set))
        .partition(|pod| selector::matches(&selector, &pod.metadata));
    let orphans = pods
        .orphans(namespace)
        .into_iter()
        .filter(|pod| {
            pod.metadata.deletion_timestamp.is_none()
                && selector::matches(&selector, &pod.metadata)
                && identity::ordinal(set, pod).is_some()
        })
        .collect();
    let mut claims = BTreeMap::new();
    if claim::templates(set).next().is_some() {
        let cache = ctx.cache::<PersistentVolumeClaim>().await;
        for one in cache.list(namespace) {
            let name = one.metadata.name.clone().unwrap_or_default();
            if claim::is_of(set, &name) {
                claims.insert(name, one);
            }
        }
    }
    Ok(World {
        owned,
        strays,
        orphans,
        claims,
        history: history::observe(set, &selector, ctx).await,
    })
}
