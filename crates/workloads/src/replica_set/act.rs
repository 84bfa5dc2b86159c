//! Carries a plan out.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seatrial_controller::{Context, Notice, write};

use super::Error;
use super::observe::World;
use super::plan::{Change, Plan};
use crate::{ownership, template};

/// How many requests are under way at once. They are issued and answered in order.
const CONCURRENT: usize = 64;

/// Releases, adopts, then creates or deletes. Returns the events to emit.
pub(super) async fn act(
    set: &ReplicaSet,
    owner: &OwnerReference,
    world: &World,
    plan: &Plan,
    ctx: &Context,
) -> Result<Vec<Notice>, Error> {
    let pods = ctx.objects::<Pod>();
    ownership::exchange_for(owner, &plan.release, &plan.adopt, ctx).await?;
    match &plan.change {
        Change::None => Ok(Vec::new()),
        Change::Create(count) => create(set, owner, world, *count, ctx).await,
        Change::Delete(doomed) => {
            let deletions: Vec<_> = doomed.iter().map(|pod| pods.delete(pod)).collect();
            stream::iter(deletions)
                .buffered(CONCURRENT)
                .try_collect::<()>()
                .await
                .map_err(Error::Delete)?;
            Ok(doomed.iter().map(|pod| deleted(pod)).collect())
        }
    }
}

fn deleted(pod: &Pod) -> Notice {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Notice::normal("SuccessfulDelete", format!("Deleted pod: {name}"))
}

/// Creates pods in batches of 1, 2, 4, …: where every creation fails, few requests are wasted.
async fn create(
    set: &ReplicaSet,
    owner: &OwnerReference,
    world: &World,
    count: usize,
    ctx: &Context,
) -> Result<Vec<Notice>, Error> {
    let mut taken: BTreeSet<String> = world
        .owned
        .iter()
        .filter_map(|pod| pod.metadata.name.clone())
        .collect();
    let parent = set.metadata.name.as_deref().unwrap_or_default();
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        names.push(template::child_name(parent, &ctx.random, &mut taken));
    }
    let (mut done, mut batch) = (0, 1);
    while done < names.len() {
        let end = (done + batch).min(names.len());
        let creations: Vec<_> = names[done..end]
            .iter()
            .map(|name| create_one(set, owner, name, ctx))
            .collect();
        stream::iter(creations)
            .buffered(CONCURRENT)
            .try_collect::<()>()
            .await
            .map_err(Error::Create)?;
        (done, batch) = (end, batch * 2);
    }
    Ok(names
        .iter()
        .map(|name| Notice::normal("SuccessfulCreate", format!("Created pod: {name}")))
        .collect())
}

async fn create_one(
    set: &ReplicaSet,
    owner: &OwnerReference,
    name: &str,
    ctx: &Context,
) -> Result<(), write::Error> {
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let nothing = PodTemplateSpec::default();
    let template = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.as_ref())
        .unwrap_or(&nothing);
    let pod = template::pod(template, namespace, name.to_owned(), owner.clone());
    ctx.objects::<Pod>().create(&pod).await.map(|_| ())
}
