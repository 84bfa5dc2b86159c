//! What a StatefulSet does next. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seatrial_controller::Notice;

use super::observe::World;
use super::walk::Walk;
use super::{Error, identity, status};
use crate::history::{self, Update};

/// One change, in the order in which they are made.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A claim for a pod.
    Claim(Box<PersistentVolumeClaim>, String),
    /// Give a claim these owners.
    Own(Arc<PersistentVolumeClaim>, Vec<OwnerReference>),
    Create(Box<Pod>),
    /// Add identity labels.
    Amend(Arc<Pod>, Vec<(String, String)>),
    Delete(Arc<Pod>),
    /// Say something.
    Tell(Notice),
}

/// What to do, in this order: adopt and release, note the revision, steps, forget.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) adopt: Vec<Arc<Pod>>,
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) update: Option<Update>,
    pub(super) steps: Vec<Step>,
    pub(super) forget: Vec<Arc<ControllerRevision>>,
    pub(super) status: StatefulSetStatus,
    pub(super) next: Option<Duration>,
}

/// The two templates that pods may be of, by the names of their revisions.
#[derive(Debug)]
pub(super) struct Revisions {
    pub(super) current: String,
    pub(super) current_template: PodTemplateSpec,
    pub(super) update: String,
}

pub(super) fn decide(set: &StatefulSet, world: &World, now: Timestamp) -> Result<Plan, Error> {
    let spec = set.spec.as_ref().ok_or(Error::NoSpec)?;
    let collisions = set
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let owned = &world.history.owned;
    let update = history::newest(set, &spec.template, history::HASH_LABEL, collisions, owned);
    let revisions = revisions(set, world, &update);
    let mut plan = Plan {
        adopt: Vec::new(),
        release: Vec::new(),
        update: None,
        steps: Vec::new(),
        forget: Vec::new(),
        status: StatefulSetStatus::default(),
        next: None,
    };
    (plan.status, plan.next) = status::status(set, world, &revisions, now);
    if set.metadata.deletion_timestamp.is_some() {
        return Ok(plan);
    }
    (plan.adopt, plan.release) = (world.orphans.clone(), world.strays.clone());
    if world.orphans.is_empty() && world.strays.is_empty() {
        // Who belongs is settled first; their change wakes the set again.
        let mut walk = Walk::new(set, world, &revisions, now);
        walk.run()?;
        plan.steps = walk.steps;
    }
    let mut live: BTreeSet<&str> = world
        .owned
        .iter()
        .map(|pod| identity::revision(pod))
        .collect();
    live.extend([revisions.current.as_str(), revisions.update.as_str()]);
    plan.forget = history::surplus(owned, &live, spec.revision_history_limit);
    plan.update = Some(update);
    Ok(plan)
}

fn revisions(set: &StatefulSet, world: &World, update: &Update) -> Revisions {
    let noted = set
        .status
        .as_ref()
        .and_then(|status| status.current_revision.as_deref());
    let current = world
        .history
        .owned
        .iter()
        .find(|revision| Some(history::name(revision)) == noted)
        .map_or(&update.revision, |revision| &**revision);
    let newest = set.spec.as_ref().map(|spec| spec.template.clone());
    Revisions {
        current: history::name(current).to_owned(),
        current_template: history::template_of(current).or(newest).unwrap_or_default(),
        update: update.name().to_owned(),
    }
}
