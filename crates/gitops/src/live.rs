//! What is there: the desired objects' live state, and objects that are no longer desired.

use std::collections::BTreeMap;

use seatrial_resources::argoproj::ApplicationStatus;
use serde_json::Value;

use crate::cluster::{Cluster, Kind};
use crate::error::Error;
use crate::reference::{Reference, TRACKING, annotation, tracking_id};
use crate::target::{Target, Targets};

/// An object as it shall be beside what it is; at least one of them is there.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) reference: Reference,
    pub(crate) api_version: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) target: Option<Value>,
    pub(crate) live: Option<Value>,
}

/// Reads every desired object, and every object that the status lists and that is still ours.
///
/// The status is the ledger of what may have to be pruned: a sync lists what it is about to make
/// there before it makes it.
pub(crate) async fn read(
    cluster: &Cluster,
    targets: &Targets,
    status: &ApplicationStatus,
    instance: &str,
) -> Result<Vec<Pair>, Error> {
    let mut pairs = BTreeMap::new();
    for target in targets.compared() {
        let Target {
            reference,
            api_version,
            value,
            kind,
            ..
        } = target;
        // A kind may have come since the source was rendered: with this very application.
        let kind = match kind {
            Some(kind) => Some(kind.clone()),
            None => cluster
                .kind(api_version, &reference.kind)
                .await
                .map_err(|refusal| Error::Read {
                    object: reference.to_string(),
                    message: refusal.message,
                })?,
        };
        let live = match &kind {
            Some(kind) => get(cluster, kind, reference).await?,
            None => None,
        };
        let pair = Pair {
            reference: reference.clone(),
            api_version: api_version.clone(),
            kind,
            target: Some(value.clone()),
            live,
        };
        pairs.insert(reference.clone(), pair);
    }
    let hooks: Vec<_> = targets
        .all
        .iter()
        .filter(|target| !target.hooks.is_empty())
        .collect();
    for (reference, api_version) in ledger(status) {
        let is_hook = hooks.iter().any(|hook| hook.reference == reference);
        if pairs.contains_key(&reference) || is_hook {
            continue;
        }
        if let Some(pair) = left_over(cluster, reference, api_version, instance).await? {
            pairs.insert(pair.reference.clone(), pair);
        }
    }
    Ok(pairs.into_values().collect())
}

async fn get(
    cluster: &Cluster,
    kind: &Kind,
    reference: &Reference,
) -> Result<Option<Value>, Error> {
    cluster
        .get(kind, reference)
        .await
        .map_err(|refusal| Error::Read {
            object: reference.to_string(),
            message: refusal.message,
        })
}

pub(crate) async fn left_over(
    cluster: &Cluster,
    reference: Reference,
    api_version: String,
    instance: &str,
) -> Result<Option<Pair>, Error> {
    let kind = cluster.kind(&api_version, &reference.kind).await;
    let kind = kind.map_err(|refusal| Error::Read {
        object: reference.to_string(),
        message: refusal.message,
    })?;
    let Some(kind) = kind else {
        return Ok(None);
    };
    let live = get(cluster, &kind, &reference).await?;
    let ours = tracking_id(instance, &reference);
    let live = live.filter(|live| annotation(live, TRACKING) == Some(ours.as_str()));
    Ok(live.map(|live| Pair {
        reference,
        api_version,
        kind: Some(kind),
        target: None,
        live: Some(live),
    }))
}

/// What the status says we made or were about to make, with the version it was made in.
pub(crate) fn ledger(status: &ApplicationStatus) -> BTreeMap<Reference, String> {
    listed(status, false)
}

/// As [`ledger`], with the hooks of the last sync.
pub(crate) fn everything(status: &ApplicationStatus) -> BTreeMap<Reference, String> {
    listed(status, true)
}

fn listed(status: &ApplicationStatus, hooks: bool) -> BTreeMap<Reference, String> {
    let version = |group: &str, version: &str| match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    let mut ledger = BTreeMap::new();
    for one in status.resources.iter().flatten() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let reference = Reference {
            group: text(&one.group),
            kind: text(&one.kind),
            namespace: text(&one.namespace),
            name: text(&one.name),
        };
        let api_version = version(&reference.group, &text(&one.version));
        ledger.insert(reference, api_version);
    }
    let result = status
        .operation_state
        .as_ref()
        .and_then(|state| state.sync_result.as_ref());
    for one in result
        .and_then(|result| result.resources.as_ref())
        .into_iter()
        .flatten()
    {
        if one.hook_type.is_some() && !hooks {
            continue;
        }
        let reference = Reference {
            group: one.group.clone(),
            kind: one.kind.clone(),
            namespace: one.namespace.clone(),
            name: one.name.clone(),
        };
        let api_version = version(&one.group, &one.version);
        ledger.entry(reference).or_insert(api_version);
    }
    ledger
}
