//! What a Job has.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Context, is_controlled_by};

use crate::selector;

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
    let owned = cache.owned_by(job.metadata.uid.as_deref().unwrap_or_default());
    let owned = owned
        .into_iter()
        .filter(|pod| is_controlled_by(&**pod, job));
    let spec = job.spec.as_ref();
    let selector = spec
        .and_then(|spec| spec.selector.as_ref())
        .and_then(|selector| selector::parse(selector).ok());
    let Some(selector) = selector else {
        return World {
            pods: owned.collect(),
            ..World::default()
        };
    };
    let (pods, strays) = owned.partition(|pod| selector::matches(&selector, &pod.metadata));
    let orphans = cache
        .orphans(job.metadata.namespace.as_deref().unwrap_or_default())
        .into_iter()
        .filter(|pod| {
            pod.metadata.deletion_timestamp.is_none() && selector::matches(&selector, &pod.metadata)
        })
        .collect();
    World {
        pods,
        strays,
        orphans,
    }
}
