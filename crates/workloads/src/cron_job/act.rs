//! Carries a plan out.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::{Context, Notice, is_controlled_by, key_of, write};

use super::Error;
use super::plan::Plan;

/// Deletes, then starts; notes the start in the plan's status.
pub(super) async fn act(cron: &CronJob, plan: &mut Plan, ctx: &Context) -> Result<(), Error> {
    let jobs = ctx.objects::<Job>();
    for job in &plan.delete {
        jobs.delete(job).await.map_err(Error::Delete)?;
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let text = format!("Deleted job {name}");
        plan.events.push(Notice::normal("SuccessfulDelete", text));
    }
    let Some((job, at)) = plan.start.take() else {
        return Ok(());
    };
    let Some(made) = make(cron, &job, plan, ctx).await.map_err(Error::Create)? else {
        return Ok(());
    };
    plan.status.last_schedule_time = Some(Time(at));
    let active = plan.status.active.get_or_insert_default();
    if active.iter().all(|one| one.uid != made.metadata.uid) {
        active.push(ObjectReference {
            api_version: Some("batch/v1".to_owned()),
            kind: Some("Job".to_owned()),
            namespace: made.metadata.namespace,
            name: made.metadata.name,
            uid: made.metadata.uid,
            resource_version: made.metadata.resource_version,
            ..ObjectReference::default()
        });
    }
    Ok(())
}

/// The job of this start: made now, or by an earlier pass that could not note it. None where the
/// namespace is going, which is no reason to try again.
async fn make(
    cron: &CronJob,
    job: &Job,
    plan: &mut Plan,
    ctx: &Context,
) -> Result<Option<Job>, write::Error> {
    let jobs = ctx.objects::<Job>();
    match jobs.create(job).await {
        Ok(made) => {
            let name = made.metadata.name.clone().unwrap_or_default();
            let text = format!("Created job {name}");
            plan.events.push(Notice::normal("SuccessfulCreate", text));
            Ok(Some(made))
        }
        Err(error) if error.is_already_exists() => {
            let present = jobs.get(&key_of(job)).await?;
            if is_controlled_by(&present, cron) {
                Ok(Some(present))
            } else {
                Err(error)
            }
        }
        Err(error) => {
            let ending = error.status().is_some_and(|status| {
                status.code == 403 && status.message.contains("is being terminated")
            });
            if ending { Ok(None) } else { Err(error) }
        }
    }
}
