//! Job: runs pods until enough have succeeded, or too many have failed.
//!
//! Flow: observe its pods → decide: finish, delete or create → act → status. A finished job is
//! deleted after `ttlSecondsAfterFinished`.
//!
//! Guarantees: every pod that ended is counted exactly once, also where it was deleted or a pass was
//! cut short, since a finalizer keeps it until it is (see [`tally`]).

mod act;
mod backoff;
mod child;
mod error;
mod indexes;
mod observe;
mod plan;
mod policy;
mod status;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{
    Caches, Chain, Context, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
};

use self::act::act;
pub use self::error::Error;
use self::observe::observe;
use self::plan::decide;
use crate::selector;

/// The controller of Jobs.
pub struct Jobs;

impl Reconciler for Jobs {
    const NAME: &'static str = "job-controller";
    const WORKERS: usize = 5;
    type Object = Job;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Job>) {
        watches.owned::<Pod>();
        watches.mapped::<Pod, _>(unowned);
    }

    async fn reconcile(&self, job: Arc<Job>, ctx: &Context) -> Result<Outcome, Error> {
        let now = ctx.clock.now();
        let world = observe(&job, ctx).await;
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

    /// Nobody counts the pods of a job that is gone: they need not wait for it.
    async fn gone(&self, key: &ObjectKey, ctx: &Context) {
        let pods = ctx.objects::<Pod>();
        for pod in ctx.caches.of::<Pod>().list(&key.namespace) {
            if job_of(&pod) != Some(&key.name) || !tally::has_finalizer(&pod) {
                continue;
            }
            if let Err(error) = act::strip(&pods, &pod).await {
                tracing::warn!(pod = %key_of(&*pod), "let a pod go: {}", Chain(&error));
            }
        }
    }
}

/// The job that a pod names by its label.
fn job_of(pod: &Pod) -> Option<&str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels
        .get("batch.kubernetes.io/job-name")
        .map(String::as_str)
}

/// The jobs to whom a pod without a controller matters: those that may adopt it, and the one that is
/// gone but whose finalizer it still has.
fn unowned(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(pod).is_some() {
        return Vec::new();
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if tally::has_finalizer(pod)
        && let Some(job) = job_of(pod)
    {
        return vec![ObjectKey::new(namespace, job)];
    }
    let jobs = caches.of::<Job>().list(namespace);
    jobs.iter()
        .filter(|job| {
            job.spec
                .as_ref()
                .and_then(|spec| selector::parse(spec.selector.as_ref()?).ok())
                .is_some_and(|selector| selector::matches(&selector, &pod.metadata))
        })
        .map(|job| key_of(&**job))
        .collect()
}
