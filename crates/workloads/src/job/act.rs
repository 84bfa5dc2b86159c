//! Carries a plan out.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch};
use seatrial_controller::{Context, Notice, Objects, key_of, owner_reference, write};
use serde_json::json;

use super::Error;
use super::observe::World;
use super::plan::{Fresh, Plan};
use super::tally::FINALIZER;
use super::{child, tally};
use crate::template;

/// Who deletes jobs whose time to live is over.
const EXPIRY: &str = "ttl-after-finished-controller";
/// How many requests are under way at once. They are issued and answered in order.
const CONCURRENT: usize = 64;

/// Settles who belongs, lets counted pods go, deletes, then creates pods. Returns the events to emit.
pub(super) async fn act(
    job: &Job,
    world: &World,
    plan: &Plan,
    ctx: &Context,
) -> Result<Vec<Notice>, Error> {
    let pods = ctx.objects::<Pod>();
    for pod in &plan.release {
        own(&pods, pod, None, job).await.map_err(Error::Release)?;
    }
    for pod in &plan.adopt {
        let owner = owner_reference(job);
        own(&pods, pod, Some(owner), job)
            .await
            .map_err(Error::Adopt)?;
    }
    let stripped: Vec<_> = plan.strip.iter().map(|pod| strip(&pods, pod)).collect();
    let stripped = stream::iter(stripped).buffered(CONCURRENT);
    stripped.try_collect::<()>().await.map_err(Error::Strip)?;
    if plan.expire {
        // As upstream, where another controller does it: whoever runs jobs may not delete them.
        let jobs = ctx.named(EXPIRY).objects::<Job>();
        jobs.delete_with(job, DeleteParams::background())
            .await
            .map_err(Error::Expire)?;
        return Ok(Vec::new());
    }
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
    let fresh = fresh(job, world, &plan.create, ctx);
    let creations: Vec<_> = fresh.iter().map(|pod| create(&pods, pod)).collect();
    let created = stream::iter(creations)
        .buffered(CONCURRENT)
        .try_collect::<()>();
    created.await.map_err(Error::Create)?;
    events.extend(fresh.iter().map(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        Notice::normal("SuccessfulCreate", format!("Created pod: {name}"))
    }));
    Ok(events)
}

fn fresh(job: &Job, world: &World, wanted: &[Fresh], ctx: &Context) -> Vec<Pod> {
    let mut taken: BTreeSet<String> = world
        .pods
        .iter()
        .filter_map(|pod| pod.metadata.name.clone())
        .collect();
    let parent = job.metadata.name.as_deref().unwrap_or_default();
    wanted
        .iter()
        .map(|fresh| {
            let base = match fresh.index {
                Some(index) => format!("{parent}-{index}"),
                None => parent.to_owned(),
            };
            let name = template::child_name(&base, &ctx.random, &mut taken);
            child::pod(job, fresh, name)
        })
        .collect()
}

async fn create(pods: &Objects<Pod>, pod: &Pod) -> Result<(), write::Error> {
    pods.create(pod).await.map(|_| ())
}

/// Takes a pod over, with the finalizer that keeps it until it is counted, or lets it go.
async fn own(
    pods: &Objects<Pod>,
    pod: &Pod,
    owner: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference>,
    job: &Job,
) -> Result<(), write::Error> {
    let meta = &pod.metadata;
    let mut owners = meta.owner_references.clone().unwrap_or_default();
    owners.retain(|one| Some(&one.uid) != job.metadata.uid.as_ref());
    let mut finalizers = others(pod);
    if let Some(owner) = owner {
        owners.push(owner);
        finalizers.push(FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version,
        "ownerReferences": owners, "finalizers": finalizers}});
    match pods.patch(&key_of(pod), &Patch::Merge(patch)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

fn others(pod: &Pod) -> Vec<String> {
    let mut finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
    finalizers.retain(|one| one != FINALIZER);
    finalizers
}

/// Removes the finalizer of a pod that is counted.
pub(super) async fn strip(pods: &Objects<Pod>, pod: &Pod) -> Result<(), write::Error> {
    if !tally::has_finalizer(pod) {
        return Ok(());
    }
    let meta = json!({"uid": pod.metadata.uid, "finalizers": others(pod)});
    let patch = Patch::Merge(json!({"metadata": meta}));
    match pods.patch(&key_of(pod), &patch).await {
        // Gone, or another of the same name: nothing to count.
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        result => result.map(|_| ()),
    }
}
