//! What a Deployment has.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Context;

use super::{Error, limits};
use crate::{ownership, pod, selector};

/// The replica sets that concern one deployment.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Owned and matching, oldest first.
    pub(super) owned: Vec<Arc<ReplicaSet>>,
    /// Owned, but their labels no longer match.
    pub(super) strays: Vec<Arc<ReplicaSet>>,
    /// Matching, and nobody's.
    pub(super) orphans: Vec<Arc<ReplicaSet>>,
    /// The uids of owned sets that have a pod which has not ended. Only known where the strategy
    /// needs it (`Recreate`).
    pub(super) populated: BTreeSet<String>,
}

pub(super) async fn observe(deployment: &Deployment, ctx: &Context) -> Result<World, Error> {
    let spec = deployment.spec.as_ref().ok_or(Error::NoSpec)?;
    let selector = selector::parse(&spec.selector)?;
    let family = ownership::family(deployment, &selector, &ctx.cache::<ReplicaSet>().await);
    let mut owned = family.owned;
    let age = |set: &ReplicaSet| set.metadata.creation_timestamp.as_ref().map(|time| time.0);
    owned.sort_by(|one, other| {
        age(one)
            .cmp(&age(other))
            .then_with(|| one.metadata.name.cmp(&other.metadata.name))
    });
    let mut populated = BTreeSet::new();
    if limits::is_recreate(deployment) {
        let pods = ctx.cache::<Pod>().await;
        let uids = owned.iter().filter_map(|set| set.metadata.uid.clone());
        populated = uids
            .filter(|uid| pods.owned_by(uid).iter().any(|pod| !pod::is_finished(pod)))
            .collect();
    }
    Ok(World {
        owned,
        strays: family.strays,
        orphans: family.orphans,
        populated,
    })
}
