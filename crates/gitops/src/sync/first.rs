//! Before anything is written: what there is to do is listed, and the server is asked about all of it.

use seatrial_resources::argoproj::{OperationPhase, ResourceResult};
use serde_json::{Value, json};

use super::pass::Sync;
use super::plan::Step;
use super::task::{Task, blank};
use crate::apply::Place;
use crate::cluster::{Effect, Kind, Refusal};
use crate::reference::{Reference, TRACKING, annotation, tracked_by};
use crate::sync_option::SyncOptions;

impl Sync<'_> {
    /// Lists everything in the results and asks the server whether it would take it. Gives a step
    /// where that is the end.
    pub(super) async fn first(
        &self,
        tasks: &[Task],
        results: &mut Vec<ResourceResult>,
    ) -> Result<Option<Step>, Refusal> {
        if tasks.is_empty() {
            return Ok(Some(Step::Succeed(
                "successfully synced (no more tasks)".to_owned(),
            )));
        }
        let (mut refused, mut invalid) = (false, false);
        for task in tasks {
            let mut result = blank(task);
            if let Err(refusal) = self.dry_run(task).await {
                if refusal.code == 0 {
                    return Err(refusal);
                }
                refused = true;
                invalid |= task.kind.is_none();
                result.status = Some("SyncFailed".to_owned());
                result.message = Some(refusal.message);
                result.hook_phase = Some(OperationPhase::Failed);
            }
            results.push(result);
        }
        let said: Vec<_> = results
            .iter()
            .filter(|result| result.hook_phase.is_some())
            .filter_map(|result| result.message.clone())
            .collect();
        if refused {
            let what = if invalid {
                "one or more synchronization tasks are not valid"
            } else {
                "one or more objects failed to apply (dry run)"
            };
            return Ok(Some(Step::Fail(format!(
                "{what}, reason: {}",
                said.join(",")
            ))));
        }
        if self.operation.dry_run == Some(true) {
            for result in results.iter_mut() {
                result.status = Some("Synced".to_owned());
                result.message = Some("dry run: accepted by the server".to_owned());
            }
            return Ok(Some(Step::Succeed(
                "successfully synced (dry run)".to_owned(),
            )));
        }
        // The list is in the status before anything of it is in the cluster: see `live::ledger`.
        self.create_namespace()
            .await
            .map(|()| Some(Step::Run(Vec::new())))
    }

    async fn dry_run(&self, task: &Task) -> Result<(), Refusal> {
        let Some(target) = &task.target else {
            return Ok(());
        };
        let options = self.options.of(target);
        let Some(kind) = &task.kind else {
            return if options.skip_missing_kinds || self.will_define(task) {
                Ok(())
            } else {
                Err(missing_kind(task))
            };
        };
        let owner = task
            .live
            .as_ref()
            .and_then(|live| annotation(live, TRACKING))
            .map(tracked_by);
        if let Some(owner) = owner.filter(|owner| *owner != self.instance)
            && self.options.fail_on_shared
        {
            return Err(Refusal {
                code: 409,
                message: format!(
                    "Shared resource found: {} is part of application {owner}",
                    task.reference
                ),
            });
        }
        let place = Place {
            cluster: self.cluster,
            kind,
            at: &task.reference,
        };
        let asked = place
            .apply(target, task.live.as_ref(), &options, Effect::DryRun)
            .await;
        match asked {
            Err(refusal)
                if refusal.code == 404 && kind.namespaced && self.will_make_namespace(task) =>
            {
                self.dry_run_elsewhere(task, kind, target, &options).await
            }
            other => other.map(|_| ()),
        }
    }

    /// Asks about an object whose namespace will come with the sync, in a namespace that exists.
    async fn dry_run_elsewhere(
        &self,
        task: &Task,
        kind: &Kind,
        target: &Value,
        options: &SyncOptions,
    ) -> Result<(), Refusal> {
        let at = Reference {
            namespace: "default".to_owned(),
            ..task.reference.clone()
        };
        let mut target = target.clone();
        target["metadata"]["namespace"] = json!("default");
        let place = Place {
            cluster: self.cluster,
            kind,
            at: &at,
        };
        let asked = place.apply(&target, None, options, Effect::DryRun).await;
        asked.map(|_| ())
    }

    fn will_make_namespace(&self, task: &Task) -> bool {
        let namespace = task.reference.namespace.as_str();
        let asked = self.options.create_namespace
            && self.app.spec.destination.namespace.as_deref() == Some(namespace);
        asked
            || self.targets.all.iter().any(|target| {
                target.reference.kind == "Namespace" && target.reference.name == namespace
            })
    }

    pub(super) fn will_define(&self, task: &Task) -> bool {
        self.targets.all.iter().any(|target| {
            target.reference.kind == "CustomResourceDefinition"
                && target.value.pointer("/spec/group").and_then(Value::as_str)
                    == Some(&task.reference.group)
                && target
                    .value
                    .pointer("/spec/names/kind")
                    .and_then(Value::as_str)
                    == Some(&task.reference.kind)
        })
    }

    /// `CreateNamespace=true`, with the metadata that the application manages.
    async fn create_namespace(&self) -> Result<(), Refusal> {
        let name = self
            .app
            .spec
            .destination
            .namespace
            .clone()
            .unwrap_or_default();
        if !self.options.create_namespace || name.is_empty() {
            return Ok(());
        }
        let Some(kind) = self.cluster.kind("v1", "Namespace").await? else {
            return Ok(());
        };
        let at = Reference {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: name.clone(),
        };
        let live = self.cluster.get(&kind, &at).await?;
        let managed = self.app.spec.sync_policy.as_ref();
        let managed = managed.and_then(|policy| policy.managed_namespace_metadata.as_ref());
        if live.is_some() && managed.is_none() {
            return Ok(());
        }
        let mut target =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        if let Some(managed) = managed {
            let managed = serde_json::to_value(managed).unwrap_or_default();
            for field in ["labels", "annotations"] {
                if managed[field].is_object() {
                    target["metadata"][field] = managed[field].clone();
                }
            }
        }
        let place = Place {
            cluster: self.cluster,
            kind: &kind,
            at: &at,
        };
        place
            .apply(&target, live.as_ref(), self.options, Effect::Real)
            .await
            .map(|_| ())
    }
}

pub(super) fn missing_kind(task: &Task) -> Refusal {
    let Reference {
        kind,
        namespace,
        name,
        ..
    } = &task.reference;
    let api_version = &task.api_version;
    Refusal {
        code: 404,
        message: format!(
            "The Kubernetes API could not find {api_version}/{kind} for requested resource {namespace}/{name}. Make sure the \"{kind}\" CRD is installed on the destination cluster."
        ),
    }
}
