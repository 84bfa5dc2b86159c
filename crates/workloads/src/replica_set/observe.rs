//! What a ReplicaSet has.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Cache, Context};

use super::Error;
use crate::{ownership, pod, selector};

/// The pods that concern one set, each list in the order of names.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Owned and matching, finished and terminating ones included.
    pub(super) owned: Vec<Arc<Pod>>,
    /// Owned, but their labels no longer match.
    pub(super) strays: Vec<Arc<Pod>>,
    /// Matching, and nobody's.
    pub(super) orphans: Vec<Arc<Pod>>,
}

pub(super) async fn observe(set: &ReplicaSet, ctx: &Context) -> Result<World, Error> {
    gather(set, &ctx.cache::<Pod>().await)
}

/// What the cache has of one set.
pub(super) fn gather(set: &ReplicaSet, pods: &Cache<Pod>) -> Result<World, Error> {
    let spec = set.spec.as_ref().ok_or(Error::NoSpec)?;
    let selector = selector::parse(&spec.selector)?;
    let mut family = ownership::family(set, &selector, pods);
    family.orphans.retain(|pod| pod::is_active(pod));
    Ok(World {
        owned: family.owned,
        strays: family.strays,
        orphans: family.orphans,
    })
}
