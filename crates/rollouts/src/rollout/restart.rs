//! `spec.restartAt`: all pods made before that moment leave, a few at a time.
//!
//! As upstream (`rollout/restart.go`): pods are evicted, so that budgets count; never more at once than
//! `maxUnavailable` allows, and one at a time where that is zero. The template stays as it is, so that
//! no step and no analysis runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::Context;
use seatrial_resources::argoproj::Rollout;

use super::Error;
use super::observe::World;
use super::plan::Plan;
use super::spec::Spec;

/// How long until the next look at pods that could not go yet.
const AGAIN: Duration = Duration::from_secs(2);

/// The moment of a restart that was asked for and is not carried out.
pub(super) fn pending(rollout: &Rollout) -> Option<Timestamp> {
    let asked = rollout.spec.restart_at.as_ref()?.0;
    let status = rollout.status.as_ref();
    let done = status.and_then(|status| status.restarted_at.as_ref());
    done.is_none_or(|done| done.0 < asked).then_some(asked)
}

/// Adds to the plan which pods leave now, and notes a restart that is over.
pub(super) fn plan(
    rollout: &Rollout,
    spec: &Spec<'_>,
    world: &World,
    plan: &mut Plan,
    now: Timestamp,
) {
    let Some(asked) = pending(rollout) else {
        return;
    };
    if now < asked {
        plan.wait(asked, now);
        return;
    }
    let old: Vec<&Arc<Pod>> = world
        .pods
        .iter()
        .filter(|pod| is_older(pod, asked))
        .collect();
    if old.is_empty() {
        plan.status.restarted_at = Some(Time(asked));
        return;
    }
    let least = spec.replicas.saturating_sub(spec.max_unavailable.max(1));
    let minimum = rollout.spec.min_ready_seconds.unwrap_or(0);
    let available = world.pods.iter();
    let available = available
        .filter(|pod| is_available(pod, minimum, now))
        .count();
    let room = available.saturating_sub(usize::try_from(least).unwrap_or(0));
    // Those that serve nobody can go at once, and are no reason to wait.
    let (serving, idle): (Vec<_>, Vec<_>) = old
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .partition(|pod| is_available(pod, minimum, now));
    plan.evict = idle
        .into_iter()
        .chain(serving.into_iter().take(room))
        .cloned()
        .collect();
    plan.wait(now + AGAIN, now);
}

/// Counted from the pods themselves: the status of a replica set may be older than an eviction.
fn is_available(pod: &Pod, minimum: i32, now: Timestamp) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready" && condition.status == "True");
    let since = ready.map(|ready| ready.last_transition_time.as_ref().map(|time| time.0));
    let long_enough = |since: Option<Timestamp>| {
        since.is_none_or(|since| now.duration_since(since).as_secs() >= i64::from(minimum))
    };
    pod.metadata.deletion_timestamp.is_none() && since.is_some_and(long_enough)
}

/// Times in the API are whole seconds.
fn is_older(pod: &Pod, asked: Timestamp) -> bool {
    let made = pod.metadata.creation_timestamp.as_ref();
    made.is_none_or(|made| made.0.as_second() < asked.as_second())
}

/// Evicts. A budget that has nothing left is no failure: the pod is tried again.
pub(super) async fn evict(plan: &Plan, ctx: &Context) -> Result<(), Error> {
    let pods = ctx.objects::<Pod>();
    for pod in &plan.evict {
        let evicted = pods.evict(pod).await;
        if let Err(error) = evicted {
            let name = pod.metadata.name.clone().unwrap_or_default();
            return Err(Error::Evict(name, error));
        }
    }
    Ok(())
}
