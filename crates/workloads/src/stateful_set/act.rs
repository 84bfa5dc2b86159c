//! Carries a plan out.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::Patch;
use seatrial_controller::{Context, Notice, key_of};
use serde_json::json;

use super::observe::World;
use super::plan::{Plan, Step};
use super::{Error, identity};
use crate::history::{self, Noted};
use crate::ownership;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub(super) events: Vec<Notice>,
    /// The name of the new revision is taken by one of another template: hash again, with a salt.
    pub(super) collided: bool,
}

pub(super) async fn act(
    set: &StatefulSet,
    world: &World,
    plan: &Plan,
    ctx: &Context,
) -> Result<Acted, Error> {
    ownership::exchange(set, &plan.release, &plan.adopt, ctx).await?;
    let mut acted = Acted::default();
    if let Some(update) = &plan.update {
        let noted = history::note(set, &world.history, update, ctx).await;
        if noted.map_err(Error::History)? == Noted::Collided {
            acted.collided = true;
            return Ok(acted);
        }
    }
    for step in &plan.steps {
        acted.events.extend(take(set, step, ctx).await?);
    }
    history::forget(&plan.forget, ctx)
        .await
        .map_err(Error::History)?;
    Ok(acted)
}

/// Takes one step. Returns the event that tells of it.
async fn take(set: &StatefulSet, step: &Step, ctx: &Context) -> Result<Option<Notice>, Error> {
    let parent = identity::set_name(set);
    match step {
        Step::Claim(claim, pod) => create_claim(parent, claim, pod, ctx).await,
        Step::Own(claim, owners) => {
            let patch = Patch::Merge(json!({"metadata": {
                "uid": claim.metadata.uid, "ownerReferences": owners,
            }}));
            let claims = ctx.objects::<PersistentVolumeClaim>();
            let owned = claims.patch(&key_of(&**claim), &patch).await;
            owned.map_err(Error::OwnClaim)?;
            Ok(None)
        }
        Step::Create(pod) => {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let text = format!("create Pod {name} in StatefulSet {parent} successful");
            match ctx.objects::<Pod>().create(pod).await {
                Ok(_) => Ok(Some(Notice::normal("SuccessfulCreate", text))),
                Err(source) => Err(Error::Create {
                    pod: name,
                    set: parent.to_owned(),
                    source,
                }),
            }
        }
        Step::Amend(pod, labels) => {
            let labels: BTreeMap<_, _> = labels.iter().cloned().collect();
            let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
            let amended = ctx.objects::<Pod>().patch(&key_of(&**pod), &patch).await;
            amended.map_err(|source| Error::Amend {
                pod: pod.metadata.name.clone().unwrap_or_default(),
                set: parent.to_owned(),
                source,
            })?;
            Ok(None)
        }
        Step::Delete(pod) => {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let text = format!("delete Pod {name} in StatefulSet {parent} successful");
            match ctx.objects::<Pod>().delete(pod).await {
                Ok(()) => Ok(Some(Notice::normal("SuccessfulDelete", text))),
                Err(source) => Err(Error::Delete {
                    pod: name,
                    set: parent.to_owned(),
                    source,
                }),
            }
        }
        Step::Tell(notice) => Ok(Some(notice.clone())),
    }
}

async fn create_claim(
    set: &str,
    claim: &PersistentVolumeClaim,
    pod: &str,
    ctx: &Context,
) -> Result<Option<Notice>, Error> {
    let name = claim.metadata.name.clone().unwrap_or_default();
    match ctx.objects::<PersistentVolumeClaim>().create(claim).await {
        Err(error) if error.is_already_exists() => Ok(None),
        Err(source) => Err(Error::CreateClaim {
            claim: name,
            pod: pod.to_owned(),
            set: set.to_owned(),
            source,
        }),
        Ok(_) => {
            let text = format!("create Claim {name} Pod {pod} in StatefulSet {set} success");
            Ok(Some(Notice::normal("SuccessfulCreate", text)))
        }
    }
}
