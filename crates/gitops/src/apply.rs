//! Writes one object as `kubectl apply` does, for show or in earnest.

use std::time::Duration;

use kube::api::{DeleteParams, Patch};
use seatrial_controller::merge_diff;
use seatrial_schema::{Structure, Type, three_way};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Effect, Kind, Refusal, Write};
use crate::reference::{LAST_APPLIED, Reference, annotation, split_version};
use crate::sync_option::SyncOptions;

/// How often a write that lost a race is tried again; `kubectl apply` has the same number.
const TRIES: usize = 5;

/// Where an object goes.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) kind: &'a Kind,
    pub(crate) at: &'a Reference,
}

impl Place<'_> {
    /// Makes the object what `target` says. Returns it as the server then has it, and what happened
    /// in kubectl's words.
    pub(crate) async fn apply(
        self,
        target: &Value,
        live: Option<&Value>,
        options: &SyncOptions,
        effect: Effect,
    ) -> Result<(Value, String), Refusal> {
        let write = Write {
            effect,
            validation: options.validation,
        };
        if options.server_side && !options.replace {
            let object = self
                .cluster
                .patch(self.kind, self.at, &Patch::Apply(target), &write)
                .await?;
            return Ok((
                object,
                format!("{} serverside-applied", self.at.in_kubectl()),
            ));
        }
        let mut live = live.cloned();
        for _ in 1..TRIES {
            match self.once(target, live.as_ref(), options, &write).await {
                Err(refusal) if refusal.code == 409 => {
                    live = self.cluster.get(self.kind, self.at).await?;
                }
                result => return result,
            }
        }
        self.once(target, live.as_ref(), options, &write).await
    }

    async fn once(
        self,
        target: &Value,
        live: Option<&Value>,
        options: &SyncOptions,
        write: &Write,
    ) -> Result<(Value, String), Refusal> {
        let said = |object, verb| Ok((object, format!("{} {verb}", self.at.in_kubectl())));
        let Some(live) = live else {
            let object = if options.replace {
                target.clone()
            } else {
                remembering(target)
            };
            return said(
                self.cluster
                    .create(self.kind, self.at, &object, write)
                    .await?,
                "created",
            );
        };
        if options.replace {
            return said(
                self.replace(target, live, options, write).await?,
                "replaced",
            );
        }
        let merged = merged(&remembering(target), live);
        let Some(mut patch) = merge_diff(live, &merged) else {
            return said(live.clone(), "unchanged");
        };
        // Lists are sent whole, so the object must still be the one that was read.
        patch["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        match self
            .cluster
            .patch(self.kind, self.at, &Patch::Merge(&patch), write)
            .await
        {
            Err(refusal) if refusal.code == 422 && options.force => said(
                self.anew(&remembering(target), live, write).await?,
                "configured",
            ),
            Err(refusal) => Err(refusal),
            Ok(object) => said(object, "configured"),
        }
    }

    async fn replace(
        self,
        target: &Value,
        live: &Value,
        options: &SyncOptions,
        write: &Write,
    ) -> Result<Value, Refusal> {
        let mut object = target.clone();
        object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        match self
            .cluster
            .replace(self.kind, self.at, &object, write)
            .await
        {
            Err(refusal) if refusal.code == 422 && options.force => {
                self.anew(target, live, write).await
            }
            result => result,
        }
    }

    /// Deletes the object and makes it again, for changes that the API refuses.
    async fn anew(self, object: &Value, live: &Value, write: &Write) -> Result<Value, Refusal> {
        if write.effect == Effect::DryRun {
            return Ok(object.clone());
        }
        self.cluster
            .delete(self.kind, self.at, &DeleteParams::background())
            .await?;
        for _ in 0..50 {
            let now = self.cluster.get(self.kind, self.at).await?;
            if now.is_none_or(|now| now["metadata"]["uid"] != live["metadata"]["uid"]) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.cluster.create(self.kind, self.at, object, write).await
    }
}

/// The object with itself in the annotation that the next apply compares with.
fn remembering(target: &Value) -> Value {
    let text = format!("{target}\n");
    let mut object = target.clone();
    object["metadata"]["annotations"][LAST_APPLIED] = json!(text);
    object
}

/// What a client-side apply of `target` makes of `live`.
pub(crate) fn merged(target: &Value, live: &Value) -> Value {
    let original = annotation(live, LAST_APPLIED)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null);
    let (group, version) = split_version(target["apiVersion"].as_str().unwrap_or_default());
    let built_in = Type::built_in(group, version, target["kind"].as_str().unwrap_or_default());
    let structure = built_in
        .as_ref()
        .map_or(Structure::Unknown, Type::structure);
    three_way::merged(&original, target, live, structure)
}
