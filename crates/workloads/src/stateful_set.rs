//! StatefulSet: pods with names that stay, made and replaced one after the other.
//!
//! ```text
//!   observe              decide (pure)                              act             status (pure)
//!   pods, claims,   ──►  revision → lowest ordinal first: claim, ──►  steps, in ──►  counts,
//!   revisions            pod, wait → surplus from the top → update   order          revisions
//! ```
//!
//! Guarantees: never two pods of one ordinal, since a pod's name is its identity and one that is
//! going is waited for; with `OrderedReady` at most one change at a time. Labels, names of claims
//! and texts of events are upstream's.

mod act;
mod claim;
mod error;
mod identity;
mod observe;
mod plan;
mod status;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use seatrial_controller::{
    Caches, Context, Delay, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
};

use self::act::{Acted, act};
pub use self::error::Error;
use self::observe::observe;
use self::plan::decide;
use crate::selector;

/// The controller of StatefulSets.
pub struct StatefulSets;

impl Reconciler for StatefulSets {
    const NAME: &'static str = "statefulset-controller";
    const WORKERS: usize = 5;
    type Object = StatefulSet;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<StatefulSet>) {
        watches.owned::<Pod>();
        watches.owned::<ControllerRevision>();
        watches.mapped::<Pod, _>(possible_adopters);
        watches.mapped::<PersistentVolumeClaim, _>(claimants);
    }

    fn delay(&self) -> Delay {
        Delay {
            pace: Duration::from_millis(10),
            ..Delay::default()
        }
    }

    async fn reconcile(&self, set: Arc<StatefulSet>, ctx: &Context) -> Result<Outcome, Error> {
        let world = observe(&set, ctx).await?;
        let plan = decide(&set, &world, ctx.clock.now())?;
        let Acted { events, collided } = act(&set, &world, &plan, ctx).await?;
        let mut status = plan.status;
        if collided {
            status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        }
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(status).with_events(events))
    }
}

/// The sets that may want a pod which nobody controls: its name says which.
fn possible_adopters(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(pod).is_some() || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some((parent, _)) = identity::split(name) else {
        return Vec::new();
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    caches
        .of::<StatefulSet>()
        .find(namespace, parent)
        .filter(|set| {
            set.spec
                .as_ref()
                .and_then(|spec| selector::parse(&spec.selector).ok())
                .is_some_and(|selector| selector::matches(&selector, &pod.metadata))
        })
        .map(|set| key_of(&*set))
        .into_iter()
        .collect()
}

/// The sets to whose pods a claim belongs, by its name.
fn claimants(claim: &PersistentVolumeClaim, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let sets = caches.of::<StatefulSet>().list(namespace);
    sets.iter()
        .filter(|set| claim::is_of(set, name))
        .map(|set| key_of(&**set))
        .collect()
}
