//! What a Job has.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Context, is_controlled_by};

use super::Error;
use crate::pod;

/// The pods of one job, each list in the order of names.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Neither ended nor on their way out.
    pub(super) active: Vec<Arc<Pod>>,
    pub(super) succeeded: Vec<Arc<Pod>>,
    /// Failed, or deleted before they ended.
    pub(super) failed: Vec<Arc<Pod>>,
    /// On their way out, not ended.
    pub(super) terminating: Vec<Arc<Pod>>,
}

pub(super) async fn observe(job: &Job, ctx: &Context) -> Result<World, Error> {
    let pods = ctx.cache::<Pod>().await;
    let mut world = World::default();
    for pod in pods.owned_by(job.metadata.uid.as_deref().unwrap_or_default()) {
        if !is_controlled_by(&*pod, job) {
            continue;
        }
        let list = match pod::phase(&pod) {
            "Succeeded" => &mut world.succeeded,
            "Failed" => &mut world.failed,
            _ if pod.metadata.deletion_timestamp.is_some() => &mut world.terminating,
            _ => &mut world.active,
        };
        list.push(pod);
    }
    Ok(world)
}
