//! What a Job has.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Context, is_controlled_by};

use crate::{ownership, selector};

/// The pods that concern one job, each list in the order of names.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Owned and matching.
    pub(super) pods: Vec<Arc<Pod>>,
    /// Owned, but their labels no longer match.
    pub(super) strays: Vec<Arc<Pod>>,
    /// Matching, and nobody's.
    pub(super) orphans: Vec<Arc<Pod>>,
}

pub(super) async fn observe(job: &Job, ctx: &Context) -> World {
    let cache = ctx.cache::<Pod>().await;
    let spec = job.spec.as_ref();
    let selector = spec
        .and_then(|spec| spec.selector.as_ref())
        .and_then(|selector| selector::parse(selector).ok());
    let Some(selector) = selector else {
        let owned = cache.owned_by(job.metadata.uid.as_deref().unwrap_or_default());
        let ours = owned
            .into_iter()
            .filter(|pod| is_controlled_by(&**pod, job));
        return World {
            pods: ours.collect(),
            ..World::default()
        };
    };
    let family = ownership::family(job, &selector, &cache);
    World {
        pods: family.owned,
        strays: family.strays,
        orphans: family.orphans,
    }
}
