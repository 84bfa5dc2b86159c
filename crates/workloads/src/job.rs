//! Job: runs pods until enough have succeeded, or too many have failed.
//!
//! Flow: observe its pods → decide: finish, delete or create → act → status. A finished job is
//! deleted after `ttlSecondsAfterFinished`.
//!
//! **Caveats**: pods are counted as long as they exist; one that was deleted by hand after it
//! succeeded no longer counts if the job was not told of it before.

mod act;
mod error;
mod observe;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Context, Outcome, Reconciler, Watches, is_terminating};

use self::act::act;
pub use self::error::Error;
use self::observe::observe;
use self::plan::decide;

/// The controller of Jobs.
pub struct Jobs;

impl Reconciler for Jobs {
    const NAME: &'static str = "job-controller";
    const WORKERS: usize = 5;
    type Object = Job;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Job>) {
        watches.owned::<Pod>();
    }

    async fn reconcile(&self, job: Arc<Job>, ctx: &Context) -> Result<Outcome, Error> {
        if is_terminating(&*job) {
            return Ok(Outcome::settled());
        }
        let now = ctx.clock.now();
        let world = observe(&job, ctx).await?;
        let plan = decide(&job, &world, now)?;
        let events = act(&job, &world, &plan, ctx).await?;
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        let outcome = outcome.with_events(events).with_events(plan.events);
        Ok(match plan.status {
            Some(status) => outcome.with_status(status),
            None => outcome,
        })
    }

    fn failed(&self, job: &Job, error: &Error, ctx: &Context) -> Option<serde_json::Value> {
        status::failed(job, error, ctx.clock.now())
    }
}
