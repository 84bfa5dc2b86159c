//! Carries a plan out.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::api::DeleteParams;
use seatrial_controller::{Context, Notice, owner_reference, write};

use super::Error;
use super::observe::World;
use super::plan::Plan;
use crate::template;

/// How many requests are under way at once. They are issued and answered in order.
const CONCURRENT: usize = 64;

/// Deletes, then creates, pods. Returns the events to emit.
pub(super) async fn act(
    job: &Job,
    world: &World,
    plan: &Plan,
    ctx: &Context,
) -> Result<Vec<Notice>, Error> {
    if plan.expire {
        let jobs = ctx.objects::<Job>();
        jobs.delete_with(job, DeleteParams::background())
            .await
            .map_err(Error::Expire)?;
        return Ok(Vec::new());
    }
    let pods = ctx.objects::<Pod>();
    let deletions: Vec<_> = plan.delete.iter().map(|pod| pods.delete(pod)).collect();
    let deleted = stream::iter(deletions)
        .buffered(CONCURRENT)
        .try_collect::<()>();
    deleted.await.map_err(Error::Delete)?;
    let mut events: Vec<_> = plan
        .delete
        .iter()
        .map(|pod| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            Notice::normal("SuccessfulDelete", format!("Deleted pod: {name}"))
        })
        .collect();
    let names = names(job, world, plan.create, ctx);
    let creations: Vec<_> = names.iter().map(|name| create(job, name, ctx)).collect();
    let created = stream::iter(creations)
        .buffered(CONCURRENT)
        .try_collect::<()>();
    created.await.map_err(Error::Create)?;
    events.extend(
        names
            .iter()
            .map(|name| Notice::normal("SuccessfulCreate", format!("Created pod: {name}"))),
    );
    Ok(events)
}

fn names(job: &Job, world: &World, count: usize, ctx: &Context) -> Vec<String> {
    let pods = [
        &world.active,
        &world.succeeded,
        &world.failed,
        &world.terminating,
    ];
    let mut taken: BTreeSet<String> = pods
        .into_iter()
        .flatten()
        .filter_map(|pod| pod.metadata.name.clone())
        .collect();
    let parent = job.metadata.name.as_deref().unwrap_or_default();
    (0..count)
        .map(|_| template::child_name(parent, &ctx.random, &mut taken))
        .collect()
}

async fn create(job: &Job, name: &str, ctx: &Context) -> Result<(), write::Error> {
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let nothing = PodTemplateSpec::default();
    let template = job.spec.as_ref().map_or(&nothing, |spec| &spec.template);
    let mut pod = template::pod(template, namespace, name.to_owned(), owner_reference(job));
    let labels = pod.metadata.labels.get_or_insert_default();
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let job_name = job.metadata.name.clone().unwrap_or_default();
    for (label, value) in [("controller-uid", uid), ("job-name", job_name)] {
        labels.insert(label.to_owned(), value.clone());
        labels.insert(format!("batch.kubernetes.io/{label}"), value);
    }
    ctx.objects::<Pod>().create(&pod).await.map(|_| ())
}
