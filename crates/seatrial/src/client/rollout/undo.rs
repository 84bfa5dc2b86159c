//! `rollout undo`: the template of an earlier revision becomes the newest again.

use anyhow::{Context as _, bail};
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::gather::{self, HASH};
use super::{Place, info};
use crate::client::connect::{Session, failed};

/// Sets the template to that of `revision`, or of the one before the present one where it is 0.
pub(super) async fn undo(session: &Session, place: &Place, revision: i64) -> anyhow::Result<()> {
    let rollout = place.read().await?;
    let sets = gather::replica_sets(session, place, &rollout).await?;
    let set = target(&sets, revision).with_context(|| place.describe())?;
    let mut template = set.spec.as_ref().and_then(|spec| spec.template.clone());
    let labels = template
        .as_mut()
        .and_then(|template| template.metadata.as_mut());
    if let Some(labels) = labels.and_then(|metadata| metadata.labels.as_mut()) {
        labels.remove(HASH);
    }
    let found = info::revision_of(&set.metadata);
    let current = rollout
        .status
        .as_ref()
        .and_then(|status| status.current_pod_hash.as_deref());
    if gather::hash_of(&set.metadata).is_some_and(|hash| Some(hash) == current) {
        bail!(
            "{}: skipped rollback (current template already matches revision {found})",
            place.describe()
        );
    }
    let operations = json!([{ "op": "replace", "path": "/spec/template", "value": template }]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(operations)?);
    let written = place
        .api
        .patch(&place.name, &PatchParams::default(), &patch)
        .await;
    written.map_err(|error| failed(error, &format!("undoing {}", place.describe())))?;
    session.screen.line(format!(
        "rollout '{}' undo (to revision {found})",
        place.name
    ));
    Ok(())
}

/// The replica set of a revision; the second newest for 0.
fn target(sets: &[ReplicaSet], revision: i64) -> anyhow::Result<&ReplicaSet> {
    let mut known: Vec<_> = sets
        .iter()
        .map(|set| (info::revision_of(&set.metadata), set))
        .collect();
    known.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let found = match revision {
        0 => known.get(1),
        number => known.iter().find(|(known, _)| *known == number),
    };
    if let Some((_, set)) = found {
        return Ok(set);
    }
    let numbers: Vec<_> = known.iter().map(|(number, _)| number.to_string()).collect();
    match revision {
        0 => bail!("no rollout history found: there is no revision before the present one"),
        number => bail!(
            "unable to find revision {number}; there are: {}",
            if numbers.is_empty() {
                "none".to_owned()
            } else {
                numbers.join(", ")
            }
        ),
    }
}
