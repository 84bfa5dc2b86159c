//! What a ReplicaSet reports. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Chain, Classify};
use serde_json::Value;

use super::Error;
use super::observe::World;
use crate::pod::{self, Availability};

/// The status, and when to look again because a ready pod becomes available by then.
pub(super) fn status(
    set: &ReplicaSet,
    world: &World,
    now: Timestamp,
) -> (ReplicaSetStatus, Option<Duration>) {
    let spec = set.spec.as_ref();
    let min_ready = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    let labels = spec
        .and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.clone())
        .unwrap_or_default();
    let (mut replicas, mut labelled, mut ready, mut available) = (0, 0, 0, 0);
    let mut next: Option<Duration> = None;
    for pod in world.owned.iter().filter(|pod| pod::is_active(pod)) {
        replicas += 1;
        labelled += i32::from(has_labels(pod, &labels));
        ready += i32::from(pod::is_ready(pod));
        match pod::availability(pod, min_ready, now) {
            Availability::Yes => available += 1,
            Availability::In(wait) => next = Some(next.map_or(wait, |next| next.min(wait))),
            Availability::No => {}
        }
    }
    let counted = |count: i32| (count > 0).then_some(count);
    let status = ReplicaSetStatus {
        replicas,
        fully_labeled_replicas: counted(labelled),
        ready_replicas: counted(ready),
        available_replicas: counted(available),
        observed_generation: set.metadata.generation,
        // A pass that got here has no failure to report.
        conditions: without_failure(set),
        terminating_replicas: None,
    };
    (status, next)
}

fn has_labels(pod: &Pod, labels: &BTreeMap<String, String>) -> bool {
    let has = pod.metadata.labels.as_ref();
    labels
        .iter()
        .all(|(name, value)| has.and_then(|has| has.get(name)) == Some(value))
}

fn without_failure(set: &ReplicaSet) -> Option<Vec<ReplicaSetCondition>> {
    let conditions = set.status.as_ref()?.conditions.as_ref()?;
    let kept: Vec<_> = conditions
        .iter()
        .filter(|condition| condition.type_ != FAILURE)
        .cloned()
        .collect();
    (!kept.is_empty()).then_some(kept)
}

/// The condition that reports failed creations and deletions; the Deployment copies it.
const FAILURE: &str = "ReplicaFailure";

/// The status with the failure in it.
pub(super) fn failed(
    set: &ReplicaSet,
    world: &World,
    error: &Error,
    now: Timestamp,
) -> Option<Value> {
    let (mut status, _) = status(set, world, now);
    let before = set
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    // As upstream, the first failure stays until it is over: each names another pod, and to tell every one
    // would be a change that leads to the next attempt at once.
    let known = before.into_iter().flatten().find(|condition| {
        condition.type_ == FAILURE
            && condition.status == "True"
            && condition.reason.as_deref() == Some(error.reason())
    });
    let condition = known.cloned().unwrap_or_else(|| ReplicaSetCondition {
        type_: FAILURE.to_owned(),
        status: "True".to_owned(),
        reason: Some(error.reason().to_owned()),
        message: Some(Chain(error).to_string()),
        last_transition_time: Some(Time(now)),
    });
    status.conditions.get_or_insert_default().push(condition);
    serde_json::to_value(status).ok()
}
