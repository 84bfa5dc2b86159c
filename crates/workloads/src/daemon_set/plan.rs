//! What a DaemonSet does next. Pure but for the memory of failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Notice;

use super::observe::World;
use super::{Error, placement, status, update};
use crate::history::{self, Update};
use crate::pod;

/// The first wait before a failed pod is replaced; each further failure doubles it.
const FIRST: SignedDuration = SignedDuration::from_secs(1);
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// The most pods one pass creates or deletes (upstream's burst).
const BURST: usize = 250;

/// The last failure on a node, and the wait after the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    at: Timestamp,
    wait: SignedDuration,
}

/// Failures by node.
pub(super) type Failures = BTreeMap<String, Failure>;

/// What to do, in this order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) adopt: Vec<Arc<Pod>>,
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) update: Option<Update>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// The nodes that get a pod.
    pub(super) create: Vec<String>,
    pub(super) events: Vec<Notice>,
    pub(super) forget: Vec<Arc<ControllerRevision>>,
    pub(super) status: DaemonSetStatus,
    pub(super) next: Option<Duration>,
}

/// The hash of a revision, which its pods carry.
pub(super) fn hash(revision: &ControllerRevision) -> &str {
    history::label(revision, history::REVISION_LABEL).unwrap_or_default()
}

/// The hash of the revision that a pod is of.
pub(super) fn hash_of(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(history::REVISION_LABEL))
        .map_or("", String::as_str)
}

pub(super) fn decide(
    set: &DaemonSet,
    world: &World,
    failures: &mut Failures,
    now: Timestamp,
) -> Result<Plan, Error> {
    let spec = set.spec.as_ref().ok_or(Error::NoSpec)?;
    let collisions = set
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let owned = &world.history.owned;
    let update = history::newest(
        set,
        &spec.template,
        history::REVISION_LABEL,
        collisions,
        owned,
    );
    let newest = hash(&update.revision).to_owned();
    let (status, next) = status::status(set, world, &newest, now);
    let mut plan = Plan {
        adopt: Vec::new(),
        release: Vec::new(),
        update: None,
        delete: Vec::new(),
        create: Vec::new(),
        events: Vec::new(),
        forget: Vec::new(),
        status,
        next,
    };
    if set.metadata.deletion_timestamp.is_some() {
        return Ok(plan);
    }
    (plan.adopt, plan.release) = (world.orphans.clone(), world.strays.clone());
    if world.orphans.is_empty() && world.strays.is_empty() {
        let limits = update::Limits::of(set, plan.status.desired_number_scheduled)?;
        place(
            set,
            world,
            limits.surge > 0,
            &newest,
            failures,
            now,
            &mut plan,
        );
        // Upstream replaces only once every node that should have a pod has one.
        if plan.create.is_empty() && plan.delete.is_empty() && limits.rolling {
            update::replace(set, world, limits, &newest, now, &mut plan);
        }
        plan.create.truncate(BURST);
        plan.delete.truncate(BURST);
    }
    let hashes: BTreeSet<&str> = world
        .owned
        .values()
        .flatten()
        .map(|pod| hash_of(pod))
        .collect();
    let mut live: BTreeSet<&str> = owned
        .iter()
        .filter(|revision| hashes.contains(hash(revision)))
        .map(|revision| history::name(revision))
        .collect();
    live.insert(update.name());
    plan.forget = history::surplus(owned, &live, spec.revision_history_limit);
    plan.update = Some(update);
    Ok(plan)
}

/// Creates what is missing, deletes what is surplus, ended or misplaced.
fn place(
    set: &DaemonSet,
    world: &World,
    surges: bool,
    newest: &str,
    failures: &mut Failures,
    now: Timestamp,
    plan: &mut Plan,
) {
    let nothing = k8s_openapi::api::core::v1::PodSpec::default();
    let template = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.spec.as_ref())
        .unwrap_or(&nothing);
    failures.retain(|node, failure| {
        world.nodes.contains_key(node) && now.duration_since(failure.at) < LONGEST + LONGEST
    });
    for (name, node) in &world.nodes {
        let verdict = placement::judge(template, node);
        let pods = world.owned.get(name).map_or(&[][..], Vec::as_slice);
        let present: Vec<_> = pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect();
        if !verdict.stay {
            plan.delete.extend(present.into_iter().cloned());
            continue;
        }
        if pods.is_empty() {
            if verdict.run {
                plan.create.push(name.clone());
            }
            continue;
        }
        let (ended, running): (Vec<_>, Vec<_>) = present
            .into_iter()
            .cloned()
            .partition(|pod| pod::is_finished(pod));
        for pod in ended {
            replace_ended(set, name, pod, failures, now, plan);
        }
        plan.delete.extend(surplus(running, surges, newest));
    }
    // A pod whose node does not exist waits for nothing.
    for (name, pods) in &world.owned {
        if !world.nodes.contains_key(name) {
            let unbound = pods.iter().filter(|pod| {
                let bound = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
                pod.metadata.deletion_timestamp.is_none() && bound.is_none_or(str::is_empty)
            });
            plan.delete.extend(unbound.cloned());
        }
    }
}

/// Of several pods on one node the oldest stays; while surging, the oldest of each revision.
fn surplus(running: Vec<Arc<Pod>>, surges: bool, newest: &str) -> Vec<Arc<Pod>> {
    let mut kept: BTreeSet<bool> = BTreeSet::new();
    running
        .into_iter()
        .filter(|pod| !kept.insert(surges && hash_of(pod) == newest))
        .collect()
}

fn replace_ended(
    set: &DaemonSet,
    node: &str,
    pod: Arc<Pod>,
    failures: &mut Failures,
    now: Timestamp,
    plan: &mut Plan,
) {
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if pod::phase(&pod) == "Succeeded" {
        let text = format!(
            "Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it"
        );
        plan.events.push(Notice::normal("SucceededDaemonPod", text));
        plan.delete.push(pod);
        return;
    }
    if let Some(failure) = failures.get(node) {
        let left = failure.wait - now.duration_since(failure.at);
        if let Ok(left) = Duration::try_from(left)
            && !left.is_zero()
        {
            plan.next = Some(plan.next.map_or(left, |next| next.min(left)));
            return;
        }
    }
    let wait = failures
        .get(node)
        .map_or(FIRST, |failure| failure.wait.saturating_mul(2).min(LONGEST));
    failures.insert(node.to_owned(), Failure { at: now, wait });
    let text =
        format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
    plan.events.push(Notice::warning("FailedDaemonPod", text));
    plan.delete.push(pod);
}
