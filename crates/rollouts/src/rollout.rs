//! Rollout: goes from one version to the next in steps, and back when an analysis says so.
//!
//! ```text
//!   observe                decide (pure)                              act
//!   replica sets,     ──▶  which step, how many pods, which weight ──▶ in this order: create, scale up,
//!   services, routes,      which analyses, what status                point services, set weights,
//!   analyses                                                          start and stop analyses, scale down
//! ```
//!
//! **Invariants:** traffic moves to pods only after they are available, and pods go only after the
//! traffic has moved; what the spec asks and this version cannot do is `InvalidSpec` by name.

mod act;
mod analysis;
pub(crate) mod duration;
mod error;
mod fleet;
mod observe;
mod phase;
mod plan;
mod restart;
mod routing;
mod scale;
mod spec;
mod status;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Service;
use seatrial_controller::{Caches, Context, ObjectKey, Outcome, Reconciler, Watches, key_of};
use seatrial_resources::argoproj::{
    AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate, Rollout,
};
use seatrial_resources::istio::VirtualService;
use serde_json::Value;

pub use error::Error;

/// The controller of Rollouts.
pub struct Rollouts;

impl Reconciler for Rollouts {
    const NAME: &'static str = "rollouts-controller";
    const WORKERS: usize = 4;
    type Object = Rollout;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Rollout>) {
        watches.owned::<ReplicaSet>();
        watches.owned::<AnalysisRun>();
        watches.mapped::<Service, _>(|service, caches| {
            neighbours(caches, service.metadata.namespace.as_deref(), |canary| {
                let name = service.metadata.name.as_deref();
                canary.stable_service.as_deref() == name || canary.canary_service.as_deref() == name
            })
        });
        watches.mapped::<VirtualService, _>(|route, caches| {
            neighbours(caches, route.metadata.namespace.as_deref(), |canary| {
                canary.traffic_routing.is_some()
            })
        });
        watches.mapped::<AnalysisTemplate, _>(|template, caches| {
            neighbours(caches, template.metadata.namespace.as_deref(), |_| true)
        });
        watches.mapped::<ClusterAnalysisTemplate, _>(|_, caches| {
            caches
                .of::<Rollout>()
                .all()
                .iter()
                .map(|rollout| key_of(&**rollout))
                .collect()
        });
    }

    async fn reconcile(&self, rollout: Arc<Rollout>, ctx: &Context) -> Result<Outcome, Error> {
        if rollout.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::settled());
        }
        let world = observe::observe(&rollout, ctx).await;
        let plan = plan::decide(&rollout, &world, ctx.clock.now())?;
        act::act(&rollout, &plan, ctx).await?;
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(plan.status).with_events(plan.events))
    }

    fn failed(&self, rollout: &Rollout, error: &Error, ctx: &Context) -> Option<Value> {
        phase::failed(rollout, error, ctx.clock.now())
    }
}

/// The rollouts of a namespace whose canary strategy fits.
fn neighbours(
    caches: &Caches,
    namespace: Option<&str>,
    fits: impl Fn(&seatrial_resources::argoproj::CanaryStrategy) -> bool,
) -> Vec<ObjectKey> {
    let rollouts = caches.of::<Rollout>().list(namespace.unwrap_or_default());
    rollouts
        .iter()
        .filter(|rollout| rollout.spec.strategy.canary.as_ref().is_some_and(&fits))
        .map(|rollout| key_of(&**rollout))
        .collect()
}
