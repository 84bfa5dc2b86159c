//! Carries a plan out.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::Patch;
use seatrial_controller::{Context, is_controlled_by, key_of};
use serde_json::{Map, Value, json};

use super::Error;
use super::fleet::{Member, REVISION};
use super::plan::Plan;
use crate::{ownership, template};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Acted {
    /// The name of the new set is taken by one of another template: hash again, with a salt.
    pub(super) collided: bool,
}

pub(super) async fn act(
    deployment: &Deployment,
    plan: &Plan,
    ctx: &Context,
) -> Result<Acted, Error> {
    let sets = ctx.objects::<ReplicaSet>();
    ownership::exchange(deployment, &plan.release, &plan.adopt, ctx).await?;
    let mut acted = Acted::default();
    for member in &plan.changes {
        if member.exists {
            update(member, ctx).await?;
        } else {
            acted.collided |= create(deployment, member, ctx).await?;
        }
    }
    if let (Some(revision), false) = (&plan.revision, acted.collided) {
        let patch = json!({"metadata": {"annotations": {REVISION: revision}}});
        let deployments = ctx.objects::<Deployment>();
        let patched = deployments
            .patch(&key_of(deployment), &Patch::Merge(patch))
            .await;
        patched.map_err(Error::Revision)?;
    }
    for set in &plan.delete {
        sets.delete(set).await.map_err(Error::CleanUp)?;
    }
    Ok(acted)
}

async fn update(member: &Member, ctx: &Context) -> Result<(), Error> {
    let mut patch = Map::new();
    if !member.annotations.is_empty() {
        patch.insert(
            "metadata".to_owned(),
            json!({"annotations": member.annotations}),
        );
    }
    let mut spec = Map::new();
    if member.replicas != member.size() {
        spec.insert("replicas".to_owned(), member.replicas.into());
    }
    if let Some(seconds) = member.min_ready_seconds {
        spec.insert("minReadySeconds".to_owned(), seconds.into());
    }
    if !spec.is_empty() {
        patch.insert("spec".to_owned(), Value::Object(spec));
    }
    let sets = ctx.objects::<ReplicaSet>();
    sets.patch(&key_of(&*member.set), &Patch::Merge(patch))
        .await
        .map_err(Error::Update)?;
    Ok(())
}

/// Creates the set; true where its name belongs to a set of another template.
async fn create(deployment: &Deployment, member: &Member, ctx: &Context) -> Result<bool, Error> {
    let mut set = ReplicaSet::clone(&member.set);
    if let Some(spec) = &mut set.spec {
        spec.replicas = Some(member.replicas);
    }
    let annotations: BTreeMap<_, _> = member.annotations.clone();
    set.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    let sets = ctx.objects::<ReplicaSet>();
    match sets.create(&set).await {
        Ok(_) => Ok(false),
        Err(error) if error.is_already_exists() => {
            let present = sets.get(&key_of(&set)).await.map_err(Error::Create)?;
            let same = is_controlled_by(&present, deployment)
                && fingerprint(&present) == fingerprint(&set);
            // Ours after all: it will show up in the cache, and wake the deployment then.
            Ok(!same)
        }
        Err(error) => Err(Error::Create(error)),
    }
}

fn fingerprint(set: &ReplicaSet) -> Option<String> {
    set.spec
        .as_ref()?
        .template
        .as_ref()
        .map(template::fingerprint)
}
