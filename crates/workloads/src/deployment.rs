//! Deployment: replaces the pods of one template by those of the next, a few at a time.
//!
//! ```text
//!   observe            decide (pure)                         act              status (pure)
//!   replica sets ──►   revision → create | scale | roll ──►  steps, in  ──►   counts, Available,
//!   of this one        → clean up                            order            Progressing
//! ```
//!
//! The arithmetic and the texts of conditions and events are upstream's, so that `kubectl rollout
//! status|history|undo|pause|resume|restart` read them.

mod act;
mod error;
mod fleet;
mod limits;
mod observe;
mod plan;
mod rolling;
mod scaling;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{
    Caches, Context, Delay, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
};
use serde_json::Value;

use self::act::{Acted, act};
pub use self::error::Error;
use self::observe::observe;
use self::plan::decide;
use crate::selector;

/// The controller of Deployments.
pub struct Deployments;

impl Reconciler for Deployments {
    const NAME: &'static str = "deployment-controller";
    const WORKERS: usize = 5;
    type Object = Deployment;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Deployment>) {
        watches.owned::<ReplicaSet>();
        watches.mapped::<ReplicaSet, _>(possible_adopters);
        watches.mapped::<Pod, _>(recreated);
    }

    fn delay(&self) -> Delay {
        Delay {
            pace: Duration::from_millis(10),
            ..Delay::default()
        }
    }

    async fn reconcile(
        &self,
        deployment: Arc<Deployment>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        let now = ctx.clock.now();
        let world = observe(&deployment, ctx).await?;
        let plan = decide(&deployment, &world, now)?;
        let Acted { collided } = act(&deployment, &plan, ctx).await?;
        let mut status = plan.status;
        if collided {
            status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        }
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(status).with_events(plan.events))
    }

    fn failed(&self, deployment: &Deployment, error: &Error, ctx: &Context) -> Option<Value> {
        status::failed(deployment, error, ctx.clock.now())
    }
}

/// The deployments that may want a replica set which nobody controls.
fn possible_adopters(set: &ReplicaSet, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(set).is_some() || set.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let all = caches
        .of::<Deployment>()
        .list(set.metadata.namespace.as_deref().unwrap_or(""));
    all.iter()
        .filter(|deployment| {
            deployment
                .spec
                .as_ref()
                .and_then(|spec| selector::parse(&spec.selector).ok())
                .is_some_and(|selector| selector::matches(&selector, &set.metadata))
        })
        .map(|deployment| key_of(&**deployment))
        .collect()
}

/// A `Recreate` deployment waits for the last old pod, so its pods wake it.
fn recreated(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let owner = |name: &str| caches.of::<ReplicaSet>().find(namespace, name);
    let Some(set) = controller_of(pod)
        .filter(|owner| owner.kind == "ReplicaSet")
        .and_then(|reference| owner(&reference.name))
    else {
        return Vec::new();
    };
    controller_of(&*set)
        .and_then(|owner| caches.of::<Deployment>().find(namespace, &owner.name))
        .filter(|deployment| limits::is_recreate(deployment))
        .map(|deployment| key_of(&*deployment))
        .into_iter()
        .collect()
}
