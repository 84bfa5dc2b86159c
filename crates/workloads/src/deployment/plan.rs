//! What a Deployment does next. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use seatrial_controller::Notice;

use super::Error;
use super::fleet::{Fleet, Member, REVISION};
use super::limits::{Limits, is_recreate};
use super::observe::World;
use super::status::{self, Progress};
use super::{rolling, scaling};

/// What to do, in this order: adopt and release, change sets, note the revision, delete.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) adopt: Vec<Arc<ReplicaSet>>,
    pub(super) release: Vec<Arc<ReplicaSet>>,
    /// Sets to create or update; those that grow come last, so that room is made first.
    pub(super) changes: Vec<Member>,
    pub(super) delete: Vec<Arc<ReplicaSet>>,
    /// The deployment's new revision annotation.
    pub(super) revision: Option<String>,
    pub(super) events: Vec<Notice>,
    pub(super) status: DeploymentStatus,
    /// When the progress deadline is to be looked at.
    pub(super) next: Option<Duration>,
}

pub(super) fn decide(
    deployment: &Deployment,
    world: &World,
    now: Timestamp,
) -> Result<Plan, Error> {
    let limits = Limits::of(deployment)?;
    let mut fleet = Fleet::of(deployment, &world.owned);
    let mut progress = Progress::of(deployment);
    let mut plan = Plan {
        adopt: Vec::new(),
        release: Vec::new(),
        changes: Vec::new(),
        delete: Vec::new(),
        revision: None,
        events: Vec::new(),
        status: DeploymentStatus::default(),
        next: None,
    };
    let terminating = deployment.metadata.deletion_timestamp.is_some();
    if terminating || !world.orphans.is_empty() || !world.strays.is_empty() {
        // Who belongs is settled first; their change wakes the deployment again.
        if !terminating {
            (plan.adopt, plan.release) = (world.orphans.clone(), world.strays.clone());
        }
        (plan.status, plan.next) = progress.report(deployment, &fleet, limits, now);
        return Ok(plan);
    }
    let paused = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.paused)
        .unwrap_or(false);
    progress.note_pause(paused, now);
    if paused || scaling::is_due(&fleet, limits) {
        adopt_revision(deployment, &mut fleet, &mut plan);
        plan.events = scaling::scale(&mut fleet, limits, !is_recreate(deployment));
        plan.status = progress.counts(deployment, &fleet, limits, now);
        plan.delete = if paused {
            surplus(deployment, &fleet)
        } else {
            Vec::new()
        };
    } else {
        roll(
            deployment,
            world,
            &mut fleet,
            &mut plan,
            &mut progress,
            limits,
            now,
        );
        (plan.status, plan.next) = progress.report(deployment, &fleet, limits, now);
        if status::is_complete(deployment, &plan.status) {
            plan.delete = surplus(deployment, &fleet);
        }
    }
    plan.changes = changes(&fleet);
    Ok(plan)
}

#[allow(clippy::too_many_arguments)] // One step of `decide`, split off to be read by itself.
fn roll(
    deployment: &Deployment,
    world: &World,
    fleet: &mut Fleet,
    plan: &mut Plan,
    progress: &mut Progress,
    limits: Limits,
    now: Timestamp,
) {
    if is_recreate(deployment) {
        plan.events = rolling::empty(&mut fleet.old, limits);
        let populated = fleet.old.iter().any(|member| {
            member.pods() > 0
                || member
                    .set
                    .metadata
                    .uid
                    .as_ref()
                    .is_some_and(|uid| world.populated.contains(uid))
        });
        if !plan.events.is_empty() || populated {
            adopt_revision(deployment, fleet, plan);
            return;
        }
    }
    let known = fleet.new.as_ref().map(|new| new.name().to_owned());
    fleet.new.get_or_insert_with(|| Fleet::fresh(deployment));
    adopt_revision(deployment, fleet, plan);
    match known {
        Some(name) => progress.found(&name, now),
        None => progress.created(fleet.new.as_ref().map_or("", Member::name), now),
    }
    plan.events.extend(rolling::update(fleet, limits));
}

/// Gives the newest set its revision, and the deployment the same.
fn adopt_revision(deployment: &Deployment, fleet: &mut Fleet, plan: &mut Plan) {
    let revision = fleet.next_revision();
    let Some(new) = &mut fleet.new else { return };
    new.sync(deployment, revision);
    let revision = new.revision().to_string();
    let noted = deployment
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(REVISION));
    if noted != Some(&revision) {
        plan.revision = Some(revision);
    }
}

fn changes(fleet: &Fleet) -> Vec<Member> {
    let mut changes: Vec<_> = fleet
        .all()
        .filter(|member| member.is_changed() || !member.exists)
        .cloned()
        .collect();
    changes.sort_by_key(|member| member.replicas > member.size());
    changes
}

/// Old, empty sets beyond the history limit, lowest revision first.
fn surplus(deployment: &Deployment, fleet: &Fleet) -> Vec<Arc<ReplicaSet>> {
    let limit = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.revision_history_limit)
        .unwrap_or(10);
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut alive: Vec<&Member> = fleet
        .old
        .iter()
        .filter(|member| member.set.metadata.deletion_timestamp.is_none())
        .collect();
    let excess = alive.len().saturating_sub(limit);
    alive.sort_by_key(|member| member.revision());
    alive
        .into_iter()
        .take(excess)
        .filter(|member| is_empty(member))
        .map(|m| m.set.clone())
        .collect()
}

fn is_empty(member: &Member) -> bool {
    let observed = member
        .set
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    member.replicas == 0
        && member.pods() == 0
        && observed.unwrap_or(0) >= member.set.metadata.generation.unwrap_or(0)
}
