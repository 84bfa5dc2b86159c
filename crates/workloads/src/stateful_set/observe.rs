//! What a StatefulSet has.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use seatrial_controller::Context;

use super::{Error, claim, identity};
use crate::history::{self, History};
use crate::{ownership, selector};

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
    let mut family = ownership::family(set, &selector, &ctx.cache::<Pod>().await);
    family
        .orphans
        .retain(|pod| identity::ordinal(set, pod).is_some());
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
        owned: family.owned,
        strays: family.strays,
        orphans: family.orphans,
        claims,
        history: history::observe(set, &selector, ctx).await,
    })
}
