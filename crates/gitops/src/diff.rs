//! What a sync would change, for people: `seatrial app diff`.

use std::sync::Arc;

use kube::Client;
use seatrial_controller::ObjectKey;
use seatrial_render::to_yaml;
use seatrial_resources::argoproj::Application;
use serde_json::Value;
use similar::TextDiff;

use crate::cluster::Cluster;
use crate::compare::{Comparison, settled};
use crate::ignore::Ignored;
use crate::live::{Pair, read};
use crate::manifest::{self, render};
use crate::reference::instance;
use crate::source::Source;
use crate::sync_option::SyncOptions;
use crate::target;

/// How one object differs.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectDiff {
    /// Its group; empty for core.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The object as it is, without what changes by itself; nothing where it is missing.
    pub live: Option<Value>,
    /// The object as a sync would leave it; nothing where it would be pruned.
    pub target: Option<Value>,
    /// From the one to the other as a unified diff of their YAML.
    pub unified: String,
}

/// A comparison that could not be made, in the words of the Application's conditions.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Every difference between the application's source and the cluster, in the order of kinds and
/// names. `home` is [`crate::Options::namespace`].
pub async fn of(
    client: Client,
    app: &Application,
    source: &Arc<dyn Source>,
    home: &str,
) -> Result<Vec<ObjectDiff>, Error> {
    let fail = |error: &dyn std::error::Error| Error(seatrial_controller::Chain(error).to_string());
    let cluster = Cluster::new(client);
    let from = manifest::source_of(app).map_err(|error| fail(&error))?;
    let revision = from
        .target_revision
        .as_deref()
        .filter(|text| !text.is_empty())
        .unwrap_or("HEAD");
    let fetched = source
        .fetch(&from.repo_url, revision)
        .await
        .map_err(|error| fail(&error))?;
    let (_, objects) = render(from, &fetched.files).map_err(|error| fail(&error))?;
    let namespace = app
        .spec
        .destination
        .namespace
        .as_deref()
        .unwrap_or_default();
    let key = ObjectKey::new(
        app.metadata.namespace.as_deref().unwrap_or_default(),
        app.metadata.name.as_deref().unwrap_or_default(),
    );
    let instance = instance(&key, home);
    let targets = target::prepare(&cluster, objects, namespace, &instance).await;
    let targets = targets.map_err(|error| fail(&error))?;
    let status = app.status.clone().unwrap_or_default();
    let pairs = read(&cluster, &targets, &status, &instance)
        .await
        .map_err(|error| fail(&error))?;
    let policy = app.spec.sync_policy.as_ref();
    let options = policy.and_then(|policy| policy.sync_options.as_ref());
    let options =
        SyncOptions::parse(options.into_iter().flatten()).map_err(|error| fail(&error))?;
    let rules = app.spec.ignore_differences.as_deref().unwrap_or_default();
    let ignored = Ignored::parse(rules).map_err(|error| fail(&error))?;
    let comparison = Comparison {
        cluster: &cluster,
        options: &options,
        ignored: &ignored,
    };
    let mut diffs = Vec::new();
    for pair in pairs {
        let (live, target) = match (&pair.target, &pair.live) {
            (Some(target), Some(live)) => {
                let (live, target) = comparison.sides(&pair, target, live).await;
                (Some(live), Some(target))
            }
            (target, live) => (live.clone().map(settled), target.clone().map(settled)),
        };
        if live != target {
            diffs.push(describe(pair, live, target));
        }
    }
    Ok(diffs)
}

fn describe(pair: Pair, live: Option<Value>, target: Option<Value>) -> ObjectDiff {
    let text = |object: &Option<Value>| object.as_ref().map(|object| to_yaml([object]));
    let (before, after) = (
        text(&live).unwrap_or_default(),
        text(&target).unwrap_or_default(),
    );
    let name = pair.reference.in_kubectl();
    let unified = TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("live/{name}"), &format!("target/{name}"))
        .to_string();
    let reference = pair.reference;
    ObjectDiff {
        group: reference.group,
        kind: reference.kind,
        namespace: reference.namespace,
        name: reference.name,
        live,
        target,
        unified,
    }
}
