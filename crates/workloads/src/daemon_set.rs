//! DaemonSet: one pod on every node that fits.
//!
//! ```text
//!   observe             decide (pure)                                   act        status (pure)
//!   nodes, pods,   ──►  where should one run → create and delete    ──►  steps ──►  counts
//!   revisions           → replace old ones within maxUnavailable, maxSurge
//! ```
//!
//! Pods are bound to their node by a required affinity for its name, so that the scheduler places
//! them; they tolerate what upstream lets them tolerate. Guarantees: no more than `maxUnavailable`
//! nodes lose a working pod to an update at once.

mod act;
mod error;
mod observe;
mod placement;
mod plan;
mod status;
#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::{
    Caches, Context, Delay, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
};

use self::act::{Acted, act};
pub use self::error::Error;
use self::observe::observe;
use self::plan::{Failures, decide};
use crate::selector;

/// The controller of DaemonSets.
#[derive(Debug, Default)]
pub struct DaemonSets {
    /// How often pods failed, by set and node: they are tried again less and less often.
    failures: Mutex<BTreeMap<ObjectKey, Failures>>,
}

impl Reconciler for DaemonSets {
    const NAME: &'static str = "daemon-set-controller";
    const WORKERS: usize = 2;
    type Object = DaemonSet;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<DaemonSet>) {
        watches.owned::<Pod>();
        watches.owned::<ControllerRevision>();
        watches.mapped::<Pod, _>(possible_adopters);
        watches.mapped::<Node, _>(|_, caches| {
            let sets = caches.of::<DaemonSet>().all();
            sets.iter().map(|set| key_of(&**set)).collect()
        });
    }

    fn delay(&self) -> Delay {
        Delay {
            pace: Duration::from_millis(20),
            ..Delay::default()
        }
    }

    async fn reconcile(&self, set: Arc<DaemonSet>, ctx: &Context) -> Result<Outcome, Error> {
        let world = observe(&set, ctx).await?;
        let key = key_of(&*set);
        let lock = || self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failures = lock().remove(&key).unwrap_or_default();
        let plan = decide(&set, &world, &mut failures, ctx.clock.now())?;
        if !failures.is_empty() {
            lock().insert(key, failures);
        }
        let Acted { events, collided } = act(&set, &world, &plan, ctx).await?;
        let mut status = plan.status;
        if collided {
            status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        }
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(status).with_events(events))
    }

    async fn gone(&self, key: &ObjectKey, _ctx: &Context) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(key);
    }
}

/// The sets that may want a pod which nobody controls.
fn possible_adopters(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(pod).is_some() || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let sets = caches.of::<DaemonSet>().list(namespace);
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
