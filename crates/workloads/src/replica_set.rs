//! ReplicaSet: keeps as many pods of one template as it asks for.
//!
//! Flow: observe its pods → adopt and release → create or delete the difference → status.
//! Guarantees: never more than one pod per missing replica, since a pass sees the pods that the
//! pass before it created (see `seatrial_controller::journal`).

mod act;
mod error;
mod observe;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seatrial_controller::{
    Caches, Context, Delay, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
    owner_reference,
};
use serde_json::Value;

use self::act::act;
pub use self::error::Error;
use self::observe::{gather, observe};
use self::plan::decide;
use crate::selector;

/// The controller of ReplicaSets.
pub struct ReplicaSets;

impl Reconciler for ReplicaSets {
    const NAME: &'static str = "replicaset-controller";
    const WORKERS: usize = 5;
    type Object = ReplicaSet;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<ReplicaSet>) {
        watches.owned::<Pod>();
        watches.mapped::<Pod, _>(possible_adopters);
    }

    fn delay(&self) -> Delay {
        delay()
    }

    async fn reconcile(&self, set: Arc<ReplicaSet>, ctx: &Context) -> Result<Outcome, Error> {
        keep(&set, &owner_reference(&*set), ctx).await
    }

    fn failed(&self, set: &ReplicaSet, error: &Error, ctx: &Context) -> Option<Value> {
        report(set, error, ctx)
    }
}

/// A set of thousands hears of thousands of pods: look at them together.
pub(crate) fn delay() -> Delay {
    Delay {
        pace: Duration::from_millis(20),
        ..Delay::default()
    }
}

/// One pass over a set whose pods belong to `owner` (itself, or what it is a view of).
pub(crate) async fn keep(
    set: &ReplicaSet,
    owner: &OwnerReference,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let world = observe(set, ctx).await?;
    let plan = decide(set, &world);
    let events = act(set, owner, &world, &plan, ctx).await?;
    let (status, next) = status::status(set, &world, ctx.clock.now());
    let outcome = next.map_or_else(Outcome::settled, Outcome::waiting);
    Ok(outcome.with_status(status).with_events(events))
}

/// The status after a pass that failed. What works is still counted: pods change while others cannot
/// be created.
pub(crate) fn report(set: &ReplicaSet, error: &Error, ctx: &Context) -> Option<Value> {
    let world = gather(set, &ctx.caches.of::<Pod>()).unwrap_or_default();
    status::failed(set, &world, error, ctx.clock.now())
}

/// The replica sets that may want a pod which nobody controls.
fn possible_adopters(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(pod).is_some() || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let sets = caches
        .of::<ReplicaSet>()
        .list(pod.metadata.namespace.as_deref().unwrap_or(""));
    sets.iter()
        .filter(|set| {
            set.spec
                .as_ref()
                .and_then(|spec| selector::parse(&spec.selector).ok())
                .is_some_and(|selector| selector::matches(&selector, &pod.metadata))
        })
        .map(|set| key_of(&**set))
        .collect()
}
