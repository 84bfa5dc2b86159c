//! What a DaemonSet reports. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::PodSpec;

use super::observe::World;
use super::placement;
use super::plan::hash_of;
use crate::pod::{self, Availability};

/// The status, and when to look again because a ready pod becomes available by then.
pub(super) fn status(
    set: &DaemonSet,
    world: &World,
    newest: &str,
    now: Timestamp,
) -> (DaemonSetStatus, Option<Duration>) {
    let spec = set.spec.as_ref();
    let nothing = PodSpec::default();
    let template = spec
        .and_then(|spec| spec.template.spec.as_ref())
        .unwrap_or(&nothing);
    let seconds = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    let before = set.status.clone().unwrap_or_default();
    let mut status = DaemonSetStatus {
        observed_generation: set.metadata.generation,
        collision_count: before.collision_count,
        conditions: before.conditions,
        ..DaemonSetStatus::default()
    };
    let (mut available, mut updated) = (0, 0);
    let mut next: Option<Duration> = None;
    for (name, node) in &world.nodes {
        let scheduled = world.owned.get(name).filter(|pods| !pods.is_empty());
        if !placement::judge(template, node).run {
            status.number_misscheduled += i32::from(scheduled.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(pods) = scheduled else { continue };
        status.current_number_scheduled += 1;
        let ready = pods.iter().find(|pod| pod::is_ready(pod));
        if let Some(pod) = ready {
            status.number_ready += 1;
            match pod::availability(pod, seconds, now) {
                Availability::Yes => available += 1,
                Availability::In(left) => next = Some(next.map_or(left, |next| next.min(left))),
                Availability::No => {}
            }
        }
        // Newest first: while surging both kinds are there.
        updated += i32::from(pods.iter().any(|pod| hash_of(pod) == newest));
    }
    let unavailable = status.desired_number_scheduled - available;
    status.number_available = Some(available).filter(|count| *count > 0);
    status.number_unavailable = Some(unavailable).filter(|count| *count > 0);
    status.updated_number_scheduled = Some(updated).filter(|count| *count > 0);
    (status, next)
}
