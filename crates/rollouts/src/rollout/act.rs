//! Carries a plan out, in the order that keeps every request answered.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Service;
use kube::api::Patch;
use seatrial_controller::{Context, ObjectKey, is_controlled_by, key_of};
use seatrial_resources::argoproj::{AnalysisRun, Rollout};
use seatrial_resources::istio::VirtualService;
use serde_json::json;

use super::Error;
use super::fleet::{HASH, REVISION, SCALE_DOWN_DEADLINE};
use super::plan::Plan;
use super::restart;

pub(super) async fn act(rollout: &Rollout, plan: &Plan, ctx: &Context) -> Result<(), Error> {
    let key = key_of(rollout);
    if let Some(set) = &plan.create {
        create(rollout, set, ctx).await?;
    }
    if let Some(revision) = plan.revision {
        let patch = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
        let rollouts = ctx.objects::<Rollout>();
        rollouts
            .patch(&key, &Patch::Merge(patch))
            .await
            .map_err(Error::Revision)?;
        if plan.create.is_none()
            && let Some(hash) = &plan.status.current_pod_hash
        {
            let name = format!("{}-{hash}", key.name);
            let patch = json!({"metadata": {"annotations": {
                REVISION: revision.to_string(), SCALE_DOWN_DEADLINE: null
            }}});
            change_set(&key, &name, patch, ctx).await?;
        }
    }
    for (name, replicas) in &plan.grow {
        // Whoever gets pods again has no deadline any more.
        let patch = json!({
            "metadata": {"annotations": {SCALE_DOWN_DEADLINE: null}},
            "spec": {"replicas": replicas}
        });
        change_set(&key, name, patch, ctx).await?;
    }
    move_traffic(&key, plan, ctx).await?;
    analyses(&key, plan, ctx).await?;
    for (name, replicas) in &plan.shrink {
        change_set(&key, name, json!({"spec": {"replicas": replicas}}), ctx).await?;
    }
    for (name, moment) in &plan.deadlines {
        let patch = json!({"metadata": {"annotations": {SCALE_DOWN_DEADLINE: moment.to_string()}}});
        change_set(&key, name, patch, ctx).await?;
    }
    restart::evict(plan, ctx).await?;
    clean_up(plan, ctx).await
}

async fn create(rollout: &Rollout, set: &ReplicaSet, ctx: &Context) -> Result<(), Error> {
    let sets = ctx.objects::<ReplicaSet>();
    let name = set.metadata.name.clone().unwrap_or_default();
    match sets.create(set).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_already_exists() => {
            let present = sets.get(&key_of(set)).await;
            // Ours after all: it shows up in the cache, and wakes the rollout then.
            match present {
                Ok(present) if is_controlled_by(&present, rollout) => Ok(()),
                _ => Err(Error::Create(name, error)),
            }
        }
        Err(error) => Err(Error::Create(name, error)),
    }
}

async fn change_set(
    rollout: &ObjectKey,
    name: &str,
    patch: serde_json::Value,
    ctx: &Context,
) -> Result<(), Error> {
    let key = ObjectKey::new(rollout.namespace.clone(), name);
    let changed = ctx
        .objects::<ReplicaSet>()
        .patch(&key, &Patch::Merge(patch))
        .await;
    changed
        .map(|_| ())
        .map_err(|error| Error::Scale(name.to_owned(), error))
}

async fn move_traffic(rollout: &ObjectKey, plan: &Plan, ctx: &Context) -> Result<(), Error> {
    for (name, hash) in &plan.services {
        let key = ObjectKey::new(rollout.namespace.clone(), name.as_str());
        let patch = json!({
            "metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": rollout.name}},
            "spec": {"selector": {HASH: hash}}
        });
        let changed = ctx
            .objects::<Service>()
            .patch(&key, &Patch::Merge(patch))
            .await;
        changed.map_err(|error| Error::Service(name.clone(), error))?;
    }
    for (service, routes) in &plan.routes {
        let key = key_of(&**service);
        // The whole list is written, so it must be the one that was read.
        let patch = json!({
            "metadata": {"resourceVersion": service.metadata.resource_version},
            "spec": {"http": routes}
        });
        let changed = ctx
            .objects::<VirtualService>()
            .patch(&key, &Patch::Merge(patch))
            .await;
        changed.map_err(|error| Error::Weights(key.to_string(), error))?;
    }
    Ok(())
}

async fn analyses(rollout: &ObjectKey, plan: &Plan, ctx: &Context) -> Result<(), Error> {
    let runs = ctx.objects::<AnalysisRun>();
    for run in &plan.start {
        let name = run.metadata.name.clone().unwrap_or_default();
        match runs.create(run).await {
            Ok(_) => {}
            Err(error) if error.is_already_exists() => {}
            Err(error) => return Err(Error::StartAnalysis(name, error)),
        }
    }
    for name in &plan.stop {
        let key = ObjectKey::new(rollout.namespace.clone(), name.as_str());
        let stopped = runs
            .patch(&key, &Patch::Merge(json!({"spec": {"terminate": true}})))
            .await;
        match stopped {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Error::StopAnalysis(name.clone(), error)),
        }
    }
    Ok(())
}

async fn clean_up(plan: &Plan, ctx: &Context) -> Result<(), Error> {
    for set in &plan.forget_sets {
        let name = || {
            format!(
                "replica set {}",
                set.metadata.name.clone().unwrap_or_default()
            )
        };
        let deleted = ctx.objects::<ReplicaSet>().delete(set).await;
        deleted.map_err(|error| Error::CleanUp(name(), error))?;
    }
    for run in &plan.forget_runs {
        let name = || {
            format!(
                "analysis run {}",
                run.metadata.name.clone().unwrap_or_default()
            )
        };
        let deleted = ctx.objects::<AnalysisRun>().delete(run).await;
        deleted.map_err(|error| Error::CleanUp(name(), error))?;
    }
    Ok(())
}
