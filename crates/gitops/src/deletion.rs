//! The end of an application: with its finalizer its objects go first, without it they stay.

use std::time::Duration;

use kube::api::{DeleteParams, PropagationPolicy};
use seatrial_controller::{Context, Outcome, finalizer};
use seatrial_resources::argoproj::Application;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::live::{everything, left_over};
use crate::sync_option::survives;

/// The finalizer; behind a slash may stand how to delete.
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// How the application asks its objects to be deleted, if it does.
fn wanted(app: &Application) -> Option<(&str, PropagationPolicy)> {
    app.metadata.finalizers.iter().flatten().find_map(|name| {
        match name.strip_prefix(FINALIZER)? {
            "" | "/foreground" => Some((name.as_str(), PropagationPolicy::Foreground)),
            "/background" => Some((name.as_str(), PropagationPolicy::Background)),
            _ => None,
        }
    })
}

/// Deletes what is left; removes the finalizer when nothing is.
pub(crate) async fn pass(
    app: &Application,
    cluster: &Cluster,
    instance: &str,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let Some((finalizer, propagation)) = wanted(app) else {
        return Ok(Outcome::settled());
    };
    let status = app.status.clone().unwrap_or_default();
    let mut left = 0_usize;
    for (reference, api_version) in everything(&status) {
        let Some(pair) = left_over(cluster, reference, api_version, instance).await? else {
            continue;
        };
        let (Some(live), Some(kind)) = (&pair.live, &pair.kind) else {
            continue;
        };
        if survives(live) {
            continue;
        }
        left += 1;
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            continue;
        }
        let params = DeleteParams {
            propagation_policy: Some(propagation.clone()),
            ..DeleteParams::default()
        };
        let deleted = cluster.delete(kind, &pair.reference, &params).await;
        deleted.map_err(|refusal| Error::Delete {
            object: pair.reference.to_string(),
            message: refusal.message,
        })?;
        // Most are gone at once; those that are not are waited for.
        if cluster
            .get(kind, &pair.reference)
            .await
            .is_ok_and(|live| live.is_none())
        {
            left -= 1;
        }
    }
    if left > 0 {
        return Ok(Outcome::waiting(Duration::from_secs(1)));
    }
    let applications = ctx.objects::<Application>();
    finalizer::remove(&applications, app, finalizer)
        .await
        .map_err(Error::RemoveFinalizer)?;
    Ok(Outcome::settled())
}
