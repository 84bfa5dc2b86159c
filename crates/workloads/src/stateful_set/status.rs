//! What a StatefulSet reports. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};

use super::observe::World;
use super::plan::Revisions;
use super::{identity, walk};
use crate::pod::{self, Availability};

/// The status, and when to look again because a ready pod becomes available by then.
pub(super) fn status(
    set: &StatefulSet,
    world: &World,
    revisions: &Revisions,
    now: Timestamp,
) -> (StatefulSetStatus, Option<Duration>) {
    let spec = walk::spec(set);
    let seconds = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    let before = set.status.clone().unwrap_or_default();
    let mut status = StatefulSetStatus {
        observed_generation: set.metadata.generation,
        collision_count: Some(before.collision_count.unwrap_or(0)),
        current_revision: Some(revisions.current.clone()),
        update_revision: Some(revisions.update.clone()),
        conditions: before.conditions,
        ..StatefulSetStatus::default()
    };
    let (mut ready, mut available, mut current, mut updated) = (0, 0, 0, 0);
    let mut next: Option<Duration> = None;
    for pod in &world.owned {
        status.replicas += 1;
        if pod::phase(pod) == "Running" && pod::is_ready(pod) {
            ready += 1;
            match pod::availability(pod, seconds, now) {
                Availability::Yes => available += 1,
                Availability::In(left) => next = Some(next.map_or(left, |next| next.min(left))),
                Availability::No => {}
            }
        }
        if pod.metadata.deletion_timestamp.is_none() {
            current += i32::from(identity::revision(pod) == revisions.current);
            updated += i32::from(identity::revision(pod) == revisions.update);
        }
    }
    let (start, end) = walk::range(set);
    let wanted = end - start;
    let rolling =
        spec.and_then(|spec| spec.update_strategy.as_ref()?.type_.as_deref()) != Some("OnDelete");
    if rolling && updated == wanted && ready == wanted && status.replicas == wanted {
        // The update is complete: what was the newest is the current one now.
        status.current_revision = Some(revisions.update.clone());
        current = updated;
    }
    status.ready_replicas = positive(ready);
    status.available_replicas = Some(available);
    status.current_replicas = positive(current);
    status.updated_replicas = positive(updated);
    (status, next)
}

fn positive(count: i32) -> Option<i32> {
    (count > 0).then_some(count)
}
