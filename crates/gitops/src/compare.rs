//! Whether what is there is as it shall be.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kube::api::Patch;
use seatrial_controller::merge_diff;
use seatrial_resources::argoproj::SyncStatusCode;
use serde_json::Value;

use crate::apply::merged;
use crate::cluster::{Cluster, Effect, Validation, Write};
use crate::ignore::Ignored;
use crate::live::Pair;
use crate::reference::{LAST_APPLIED, Reference, has_option};
use crate::sync_option::SyncOptions;

/// Comparisons by the content that was compared, so that a change of an object's status costs none.
pub(crate) type Verdicts = BTreeMap<Reference, (u64, SyncStatusCode)>;

/// What a comparison needs beside the objects.
pub(crate) struct Comparison<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) options: &'a SyncOptions,
    pub(crate) ignored: &'a Ignored,
}

impl Comparison<'_> {
    /// Whether one object is as it shall be.
    pub(crate) async fn verdict(&self, pair: &Pair, verdicts: &mut Verdicts) -> SyncStatusCode {
        let (Some(target), Some(live)) = (&pair.target, &pair.live) else {
            return SyncStatusCode::OutOfSync;
        };
        let content = fingerprint(target, live);
        if let Some((known, verdict)) = verdicts.get(&pair.reference)
            && *known == content
        {
            return *verdict;
        }
        let (live, predicted) = self.sides(pair, target, live).await;
        let verdict = if live == predicted {
            SyncStatusCode::Synced
        } else {
            SyncStatusCode::OutOfSync
        };
        verdicts.insert(pair.reference.clone(), (content, verdict));
        verdict
    }

    /// The object as it is and as a sync would leave it, both without what does not count.
    pub(crate) async fn sides(&self, pair: &Pair, target: &Value, live: &Value) -> (Value, Value) {
        let options = self.options.of(target);
        let mut is = live.clone();
        let mut predicted = if options.server_side {
            Value::Null
        } else {
            merged(target, live)
        };
        if options.server_side || self.counts(pair, &is, &predicted) {
            predicted = self.ask(pair, target, live, predicted, &options).await;
        }
        self.ignored.strip(&pair.reference, &mut is, &mut predicted);
        (settled(is), settled(predicted))
    }

    fn counts(&self, pair: &Pair, live: &Value, predicted: &Value) -> bool {
        let (mut live, mut predicted) = (live.clone(), predicted.clone());
        self.ignored
            .strip(&pair.reference, &mut live, &mut predicted);
        settled(live) != settled(predicted)
    }

    /// What the server would make of it: it fills in defaults, which are no differences. Where it
    /// refuses, what we would send is all there is to show.
    async fn ask(
        &self,
        pair: &Pair,
        target: &Value,
        live: &Value,
        merged: Value,
        options: &SyncOptions,
    ) -> Value {
        let Some(kind) = &pair.kind else {
            return target.clone();
        };
        let write = Write {
            effect: Effect::DryRun,
            validation: Validation::Ignore,
        };
        let fallback = if options.server_side {
            target.clone()
        } else {
            merged.clone()
        };
        let patch = merge_diff(live, &merged);
        let patch = match &patch {
            _ if options.server_side => Patch::Apply(target),
            Some(patch) => Patch::Merge(patch),
            None => return fallback,
        };
        self.cluster
            .patch(kind, &pair.reference, &patch, &write)
            .await
            .unwrap_or(fallback)
    }
}

/// Whether an object that is no longer desired leaves the application in sync all the same.
pub(crate) fn is_extraneous(live: &Value) -> bool {
    has_option(
        live,
        "argocd.argoproj.io/compare-options",
        "IgnoreExtraneous",
    )
}

/// An object without what changes by itself.
pub(crate) fn settled(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return object;
    };
    for field in [
        "resourceVersion",
        "generation",
        "managedFields",
        "uid",
        "creationTimestamp",
        "selfLink",
    ] {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
        annotations.remove("deployment.kubernetes.io/revision");
    }
    object
}

fn fingerprint(target: &Value, live: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    target.to_string().hash(&mut hasher);
    let mut live = live.clone();
    if let Some(fields) = live.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = live["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        if let Some(fields) = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
        {
            // When a status was written says nothing; who owns what does.
            fields.retain(|entry| entry.get("subresource").is_none_or(Value::is_null));
        }
    }
    live.to_string().hash(&mut hasher);
    hasher.finish()
}
