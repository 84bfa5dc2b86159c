//! HorizontalPodAutoscaler: keeps the size of a target at what its pods use.
//!
//! ```text
//!   scale of the target, its pods, metrics.k8s.io ──observe──► World ──decide (pure)──► Plan ──► scale
//! ```
//!
//! Flow: every [`PERIOD`] → how large the target is and what its pods use → how many pods that asks for
//! (`measure`) → what recent proposals, the behaviour and the range leave of it (`limit`) → the scale
//! subresource of the target, whatever its kind → conditions and events. Guarantees: missing figures
//! never make a change larger; what was proposed is remembered by this process only, so that after a
//! start nothing shrinks before its window has passed.

mod fetch;
mod foreign;
mod limit;
mod measure;
mod memory;
mod observe;
mod plan;
mod request;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use seatrial_controller::{Context, ObjectKey, Outcome, Reconciler, Watches, key_of};

use self::memory::Memory;

/// How often a target is looked at (as upstream).
const PERIOD: Duration = Duration::from_secs(15);

/// The controller of HorizontalPodAutoscalers.
#[derive(Debug, Default)]
pub struct Autoscalers {
    known: Mutex<BTreeMap<ObjectKey, Known>>,
}

/// What is remembered of an autoscaler.
#[derive(Debug, Default, Clone)]
struct Known {
    memory: Memory,
    /// Which pods its target has, as it was looked at last.
    selector: String,
    /// When it was looked at, and as what.
    looked: Option<(Timestamp, Option<i64>)>,
}

impl Autoscalers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which pods the targets of all autoscalers have.
    fn selectors(&self) -> Vec<(ObjectKey, String)> {
        let known = self.lock();
        let known = known.iter().filter(|(_, known)| !known.selector.is_empty());
        known
            .map(|(key, known)| (key.clone(), known.selector.clone()))
            .collect()
    }

    /// How long to leave it alone: its own status is no reason to look again.
    fn rest(&self, scaler: &HorizontalPodAutoscaler, now: Timestamp) -> Option<Duration> {
        let (at, generation) = self.lock().get(&key_of(scaler))?.looked?;
        let period = SignedDuration::try_from(PERIOD).ok()?;
        let rest = period - now.duration_since(at);
        (generation == scaler.metadata.generation && rest.is_positive())
            .then(|| rest.unsigned_abs())
    }
}

impl Reconciler for Autoscalers {
    const NAME: &'static str = "horizontal-pod-autoscaler";
    type Object = HorizontalPodAutoscaler;
    type Error = Infallible;

    fn watches(&self, _: &mut Watches<HorizontalPodAutoscaler>) {}

    async fn reconcile(
        &self,
        scaler: Arc<HorizontalPodAutoscaler>,
        ctx: &Context,
    ) -> Result<Outcome, Infallible> {
        let now = ctx.clock.now();
        if let Some(rest) = self.rest(&scaler, now) {
            return Ok(Outcome::waiting(rest));
        }
        let key = key_of(&*scaler);
        let (world, target) = observe::observe(&scaler, &self.selectors(), ctx).await;
        let mut known = self.lock().get(&key).cloned().unwrap_or_default();
        known.looked = Some((now, scaler.metadata.generation));
        if let Ok(scale) = &world.scale {
            known.selector.clone_from(&scale.selector);
        }
        let mut plan = plan::decide(&scaler, &world, &mut known.memory);
        if let (Some(resize), Some(target)) = (plan.resize.take(), target) {
            let outcome = target.resize(resize.to).await;
            if outcome.is_ok() {
                known.memory.changed(resize.from, resize.to, now);
            }
            plan.finish(&resize, outcome);
        }
        self.lock().insert(key, known);
        Ok(Outcome::waiting(PERIOD)
            .with_status(plan.status)
            .with_events(plan.events))
    }

    async fn gone(&self, key: &ObjectKey, _: &Context) {
        self.lock().remove(key);
    }
}
