//! Carries a plan out.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use seatrial_controller::{Context, Notice, owner_reference, write};

use super::observe::World;
use super::plan::{Plan, hash};
use super::{Error, placement};
use crate::history::{self, Noted, Update};
use crate::{ownership, template};

/// How many requests are under way at once. They are issued and answered in order.
const CONCURRENT: usize = 64;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub(super) events: Vec<Notice>,
    /// The name of the new revision is taken by one of another template: hash again, with a salt.
    pub(super) collided: bool,
}

pub(super) async fn act(
    set: &DaemonSet,
    world: &World,
    plan: &Plan,
    ctx: &Context,
) -> Result<Acted, Error> {
    let pods = ctx.objects::<Pod>();
    ownership::exchange(set, &plan.release, &plan.adopt, ctx).await?;
    let mut acted = Acted {
        events: plan.events.clone(),
        collided: false,
    };
    let Some(update) = &plan.update else {
        return Ok(acted);
    };
    let noted = history::note(set, &world.history, update, ctx).await;
    if noted.map_err(Error::History)? == Noted::Collided {
        acted.collided = true;
        return Ok(acted);
    }
    create(set, world, update, &plan.create, ctx, &mut acted).await?;
    let deletions: Vec<_> = plan.delete.iter().map(|pod| pods.delete(pod)).collect();
    let deleted = stream::iter(deletions)
        .buffered(CONCURRENT)
        .try_collect::<()>();
    deleted.await.map_err(Error::Delete)?;
    for pod in &plan.delete {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let text = format!("Deleted pod: {name}");
        acted.events.push(Notice::normal("SuccessfulDelete", text));
    }
    history::forget(&plan.forget, ctx)
        .await
        .map_err(Error::History)?;
    Ok(acted)
}

async fn create(
    set: &DaemonSet,
    world: &World,
    update: &Update,
    nodes: &[String],
    ctx: &Context,
    acted: &mut Acted,
) -> Result<(), Error> {
    let owned = world.owned.values().flatten();
    let mut taken: BTreeSet<String> = owned.filter_map(|pod| pod.metadata.name.clone()).collect();
    let parent = set.metadata.name.as_deref().unwrap_or_default();
    let made: Vec<_> = nodes
        .iter()
        .map(|node| {
            let name = template::child_name(parent, &ctx.random, &mut taken);
            pod(set, hash(&update.revision), name, node)
        })
        .collect();
    let creations: Vec<_> = made.iter().map(|pod| create_one(pod, ctx)).collect();
    let created = stream::iter(creations)
        .buffered(CONCURRENT)
        .try_collect::<()>();
    created.await.map_err(Error::Create)?;
    for pod in &made {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let text = format!("Created pod: {name}");
        acted.events.push(Notice::normal("SuccessfulCreate", text));
    }
    Ok(())
}

async fn create_one(pod: &Pod, ctx: &Context) -> Result<(), write::Error> {
    ctx.objects::<Pod>().create(pod).await.map(|_| ())
}

/// The pod of one node.
pub(super) fn pod(set: &DaemonSet, hash: &str, name: String, node: &str) -> Pod {
    let nothing = PodTemplateSpec::default();
    let spec = set.spec.as_ref();
    let template = spec.map_or(&nothing, |spec| &spec.template);
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let mut pod = template::pod(template, namespace, name, owner_reference(set));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(history::REVISION_LABEL.to_owned(), hash.to_owned());
    let generation = set.metadata.generation.unwrap_or(1).to_string();
    labels.insert("pod-template-generation".to_owned(), generation);
    placement::tie(pod.spec.get_or_insert_default(), node);
    pod
}
