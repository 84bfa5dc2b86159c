//! The decision: from what was observed to what shall be done.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::Notice;
use seatrial_resources::argoproj::{AnalysisRun, Rollout, RolloutStatus};
use seatrial_resources::istio::{HttpRoute, VirtualService};

use super::analysis::{self, Analyses};
use super::fleet::{self, Fleet, Member};
use super::observe::World;
use super::routing::Routes;
use super::spec::Spec;
use super::step::{self, Progress, Reached, Standing};
use super::{Error, phase, restart, scale, status};

/// What shall be done, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A replica set to create, with pods in it already.
    pub(super) create: Option<Box<ReplicaSet>>,
    /// The revision to note at the rollout.
    pub(super) revision: Option<i64>,
    /// Replica sets that get more pods, by name.
    pub(super) grow: Vec<(String, i32)>,
    /// Services to point at a hash.
    pub(super) services: BTreeMap<String, String>,
    /// Virtual services to change.
    pub(super) routes: Vec<(Arc<VirtualService>, Vec<HttpRoute>)>,
    /// Analysis runs to start.
    pub(super) start: Vec<AnalysisRun>,
    /// Analysis runs to stop, by name.
    pub(super) stop: Vec<String>,
    /// Replica sets that get fewer pods, by name.
    pub(super) shrink: Vec<(String, i32)>,
    /// Replica sets that are told when they may lose their pods.
    pub(super) deadlines: Vec<(String, Timestamp)>,
    /// Pods that a restart takes away now.
    pub(super) evict: Vec<Arc<Pod>>,
    /// Old replica sets to remove.
    pub(super) forget_sets: Vec<Arc<ReplicaSet>>,
    /// Old analysis runs to remove.
    pub(super) forget_runs: Vec<Arc<AnalysisRun>>,
    /// The new status.
    pub(super) status: RolloutStatus,
    /// When to look again.
    pub(super) next: Option<Duration>,
    /// What to tell.
    pub(super) events: Vec<Notice>,
}

impl Plan {
    pub(super) fn wait(&mut self, until: Timestamp, now: Timestamp) {
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        self.next = Some(self.next.map_or(wait, |next| next.min(wait)));
    }
}

/// Decides what to do now.
///
/// # Errors
/// [`Error::InvalidSpec`] and [`Error::Missing`]: nothing is done then.
pub(super) fn decide(rollout: &Rollout, world: &World, now: Timestamp) -> Result<Plan, Error> {
    let spec = Spec::read(rollout)?;
    let mut fleet = Fleet::of(rollout, &world.sets);
    let routes = Routes::find(&spec, rollout, world)?;
    analysis::check(&spec, rollout, world)?;
    let mut plan = Plan::default();
    plan.status = begin(rollout, &spec, &fleet, &mut plan.events);
    plan.status.observed_generation = rollout.metadata.generation.map(|number| number.to_string());
    let revision = fleet.revision();
    let why = analysis::follow(&mut plan.status, world, now);
    settle_abort(&spec, &mut plan, revision, why, now);
    advance(rollout, &spec, &fleet, routes.as_ref(), &mut plan, now);
    let standing = Standing::of(&spec, &plan.status);
    let carried = routes.as_ref().map(Routes::carried);
    let scaling = scale::plan(&spec, &mut fleet, &plan.status, standing, carried, now);
    if let Some(next) = scaling.next {
        plan.wait(next, now);
    }
    plan.deadlines = scaling.deadlines;
    resize(rollout, &spec, &fleet, standing, revision, &mut plan);
    if let Some(routes) = &routes {
        steer(&spec, &fleet, routes, standing, &mut plan);
    }
    let Analyses { start, stop } =
        analysis::plan(&spec, rollout, world, &mut plan.status, standing, revision)?;
    (plan.start, plan.stop) = (start, stop);
    restart::plan(rollout, &spec, world, &mut plan, now);
    clean_up(rollout, world, &fleet, &mut plan);
    status::count(rollout, &fleet, &mut plan.status);
    if let Some(deadline) = phase::conclude(rollout, &spec, &fleet, standing, &mut plan.status, now)
    {
        plan.wait(deadline, now);
    }
    Ok(plan)
}

/// The status to start from: a new template or new steps begin anew.
fn begin(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    events: &mut Vec<Notice>,
) -> RolloutStatus {
    let mut status = rollout.status.clone().unwrap_or_default();
    let hash = Some(fleet::current_hash(rollout, fleet));
    let steps = Some(fleet::step_hash(rollout));
    if !status.abort && status.aborted_at.take().is_some() {
        // Somebody took the abort back: a retry, with analyses of its own.
        status.canary.current_step_analysis_run_status = None;
        status.canary.current_background_analysis_run_status = None;
    }
    if status.current_pod_hash == hash && status.current_step_hash == steps {
        return status;
    }
    let first = status.current_pod_hash.is_none();
    let to_stable = status.stable_rs.is_none() || status.stable_rs == hash;
    let skips = to_stable || is_rollback_in_window(rollout, fleet);
    status.current_step_index = Some(if skips { spec.steps.len() as i32 } else { 0 });
    if status.current_pod_hash != hash && !first {
        let message = format!("Rollout updated to revision {}", fleet.revision());
        events.push(Notice::normal("RolloutUpdated", message));
    }
    (status.current_pod_hash, status.current_step_hash) = (hash, steps);
    status.abort = false;
    status.aborted_at = None;
    status.promote_full = false;
    status.message = None;
    status.canary.current_step_analysis_run_status = None;
    status.canary.current_background_analysis_run_status = None;
    step::clear_pause(&mut status);
    status
}

/// Whether the newest template is one of the last few versions, which may come back without steps.
fn is_rollback_in_window(rollout: &Rollout, fleet: &Fleet) -> bool {
    let window = rollout
        .spec
        .rollback_window
        .as_ref()
        .and_then(|window| window.revisions);
    let (Some(window), Some(new), Some(stable)) = (window, &fleet.new, &fleet.stable) else {
        return false;
    };
    let back = stable.revision() - new.revision();
    back > 0 && back <= i64::from(window)
}

/// An abort goes back to the first step, so that a retry starts there. `why` is the reason of one
/// that begins now; that of an earlier one stands in the conditions.
fn settle_abort(
    spec: &Spec<'_>,
    plan: &mut Plan,
    revision: i64,
    why: Option<String>,
    now: Timestamp,
) {
    let status = &mut plan.status;
    if !status.abort {
        return;
    }
    if Standing::of(spec, status) == Standing::Promoted {
        // There is nothing to give up.
        status.abort = false;
        return;
    }
    status.aborted_at.get_or_insert(Time(now));
    let why = why.map(|why| format!("Rollout aborted update to revision {revision}: {why}"));
    let known = phase::abort_message(status);
    let message = why
        .or_else(|| known.clone())
        .unwrap_or_else(|| format!("Rollout aborted update to revision {revision}"));
    if known.is_none() {
        plan.events
            .push(Notice::warning("RolloutAborted", message.clone()));
    }
    status.message = Some(message);
    status.current_step_index = Some(0);
    status.promote_full = false;
    step::clear_pause(status);
}

/// Goes at most one step further, or makes the newest version the stable one.
fn advance(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    routes: Option<&Routes<'_>>,
    plan: &mut Plan,
    now: Timestamp,
) {
    let standing = Standing::of(spec, &plan.status);
    let available = fleet.new.as_ref().map_or(0, Member::available);
    match standing {
        Standing::Step(index) if rollout.spec.paused != Some(true) => {
            let wanted = scale::canary(spec, standing);
            let weight = step::weight(spec.steps, index);
            let reached = Reached {
                pods: available >= wanted
                    && fleet.new.as_ref().is_some_and(|new| new.size() == wanted),
                traffic: routes.is_none_or(|routes| routes.carry(weight)),
            };
            if is_inconclusive(&plan.status) {
                return;
            }
            match step::progress(&spec.steps[index], &mut plan.status, &reached, now) {
                Progress::Complete => complete(spec, index, plan),
                Progress::Underway => {}
                Progress::Until(moment) => plan.wait(moment, now),
            }
        }
        Standing::Initial | Standing::Done | Standing::Full if available >= spec.replicas => {
            let carries = |routes: &Routes<'_>| routes.carry(routes.routing.max_weight);
            if standing == Standing::Initial || routes.is_none_or(carries) {
                promote(spec, fleet, plan);
            }
        }
        _ => {}
    }
}

fn is_inconclusive(status: &RolloutStatus) -> bool {
    use seatrial_resources::argoproj::PauseReason::InconclusiveAnalysisRun;
    let mut conditions = status.pause_conditions.iter().flatten();
    conditions.any(|condition| condition.reason == InconclusiveAnalysisRun)
}

fn complete(spec: &Spec<'_>, index: usize, plan: &mut Plan) {
    let (done, all) = (index + 1, spec.steps.len());
    let what = step::describe(&spec.steps[index]);
    let message = format!("Rollout step {done}/{all} completed ({what})");
    plan.events
        .push(Notice::normal("RolloutStepCompleted", message));
    plan.status.current_step_index = Some(done as i32);
    plan.status.canary.current_step_analysis_run_status = None;
    step::clear_pause(&mut plan.status);
}

fn promote(spec: &Spec<'_>, fleet: &Fleet, plan: &mut Plan) {
    let hash = plan.status.current_pod_hash.clone();
    let why = if plan.status.stable_rs.is_none() {
        "Initial deploy"
    } else if plan.status.promote_full {
        "Full promotion requested"
    } else {
        "Completed all canary steps"
    };
    let message = format!(
        "Rollout completed update to revision {} ({}): {why}",
        fleet.revision(),
        hash.as_deref().unwrap_or_default()
    );
    plan.events
        .push(Notice::normal("RolloutCompleted", message));
    plan.status.stable_rs = hash;
    plan.status.promote_full = false;
    plan.status.current_step_index = Some(spec.steps.len() as i32);
    step::clear_pause(&mut plan.status);
}

/// What changes in the sizes: growth comes before traffic moves, shrinkage after.
fn resize(
    rollout: &Rollout,
    spec: &Spec<'_>,
    fleet: &Fleet,
    standing: Standing,
    revision: i64,
    plan: &mut Plan,
) {
    for member in fleet.all() {
        let change = (member.name().to_owned(), member.replicas);
        match member.replicas.cmp(&member.size()) {
            Ordering::Equal => continue,
            Ordering::Greater => plan.grow.push(change),
            Ordering::Less => plan.shrink.push(change),
        }
        let way = if member.replicas > member.size() {
            "up"
        } else {
            "down"
        };
        plan.events.push(Notice::normal(
            "ScalingReplicaSet",
            format!(
                "Scaled {way} ReplicaSet {} (revision {}) from {} to {}",
                member.name(),
                member.revision(),
                member.size(),
                member.replicas
            ),
        ));
    }
    if fleet.new.is_none() {
        // Without a router a new set may only take what maxSurge leaves.
        let most = spec.replicas.saturating_add(spec.max_surge);
        let room = most.saturating_sub(fleet.sum(|member| member.replicas));
        let wanted = scale::canary(spec, standing);
        let size = if spec.routing.is_some() {
            wanted
        } else {
            wanted.clamp(0, room.max(0))
        };
        let set = fleet::fresh(rollout, size, revision);
        let name = set.metadata.name.clone().unwrap_or_default();
        let message = format!("Created ReplicaSet {name} (revision {revision})");
        plan.events
            .push(Notice::normal("NewReplicaSetCreated", message));
        plan.create = Some(Box::new(set));
    }
    let noted = rollout
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(fleet::REVISION));
    plan.revision = (noted != Some(&revision.to_string())).then_some(revision);
}

/// Which pods the services mean, and how the traffic is split.
fn steer(spec: &Spec<'_>, fleet: &Fleet, routes: &Routes<'_>, standing: Standing, plan: &mut Plan) {
    let available = fleet.new.as_ref().map_or(0, Member::available);
    let hash = plan.status.current_pod_hash.clone();
    let canary = hash
        .as_deref()
        .filter(|_| available > 0 && standing != Standing::Aborted);
    plan.services = routes.pointed(plan.status.stable_rs.as_deref(), canary);
    let most = routes.routing.max_weight;
    let weight = match standing {
        _ if available == 0 => 0,
        Standing::Initial | Standing::Promoted | Standing::Aborted => 0,
        Standing::Full => {
            let share = i64::from(available) * i64::from(most) / i64::from(spec.replicas.max(1));
            i32::try_from(share).map_or(most, |share| most.min(share))
        }
        Standing::Step(index) if available >= scale::canary(spec, standing) => {
            step::weight(spec.steps, index)
        }
        Standing::Step(index) => step::weight_before(spec.steps, index),
        Standing::Done if available >= spec.replicas => most,
        Standing::Done => step::weight_before(spec.steps, spec.steps.len()),
    };
    let before = routes.carried();
    plan.routes = routes.rewritten(weight);
    if before != weight {
        let message = format!("Traffic weight updated from {before} to {weight}");
        plan.events
            .push(Notice::normal("TrafficWeightUpdated", message));
    }
    plan.status.canary.weights = Some(status::weights(routes, weight, &plan.status));
}

/// Old replica sets and runs beyond the limits of the history.
fn clean_up(rollout: &Rollout, world: &World, fleet: &Fleet, plan: &mut Plan) {
    let limit = usize::try_from(rollout.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let empty: Vec<&Member> = fleet
        .others
        .iter()
        .filter(|member| member.size() == 0 && member.pods() == 0 && member.replicas == 0)
        .collect();
    let surplus = empty.len().saturating_sub(limit);
    plan.forget_sets = empty[..surplus]
        .iter()
        .map(|member| Arc::clone(&member.set))
        .collect();
    plan.forget_runs = status::surplus_runs(rollout, world, &plan.status);
}
