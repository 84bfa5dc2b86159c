//! CronJob: makes a Job whenever its schedule says so.
//!
//! Flow: observe its jobs → forget those that ended → which start is due, and may it → act → status
//! → old jobs go → wait for the next start. Guarantees: a job's name follows from the minute it was
//! due at, so one start makes one job even where a pass is repeated.

mod act;
mod due;
mod plan;
pub mod schedule;
#[cfg(test)]
mod tests;
mod zone;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use seatrial_controller::{
    Class, Classify, Context, Outcome, Reconciler, Watches, is_controlled_by, write,
};

use self::act::act;
use self::plan::decide;

/// The controller of CronJobs.
pub struct CronJobs;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has no spec.
    #[error("the CronJob has no spec")]
    NoSpec,
    /// The job of a start could not be created.
    #[error("Error creating job")]
    Create(#[source] write::Error),
    /// A job could not be deleted.
    #[error("Deleted job")]
    Delete(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSpec => Class::Terminal,
            Self::Create(error) => error.class(),
            Self::Delete(_) => Class::Retry,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoSpec => "InvalidSpec",
            Self::Create(_) => "FailedCreate",
            Self::Delete(_) => "FailedDelete",
        }
    }
}

impl Reconciler for CronJobs {
    const NAME: &'static str = "cronjob-controller";
    const WORKERS: usize = 5;
    type Object = CronJob;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<CronJob>) {
        watches.owned::<Job>();
    }

    async fn reconcile(&self, cron: Arc<CronJob>, ctx: &Context) -> Result<Outcome, Error> {
        let uid = cron.metadata.uid.as_deref().unwrap_or_default();
        let mut jobs = ctx.cache::<Job>().await.owned_by(uid);
        jobs.retain(|job| is_controlled_by(&**job, &*cron));
        let mut plan = decide(&cron, &jobs, ctx.clock.now())?;
        act(&cron, &mut plan, ctx).await?;
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(plan.status).with_events(plan.events))
    }
}
