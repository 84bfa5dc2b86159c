//! What is done to single objects.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use seatrial_resources::argoproj::{OperationPhase, ResourceResult};

use super::first::missing_kind;
use super::pass::{Sync, note};
use super::task::{Action, Pruning, Task};
use crate::apply::Place;
use crate::cluster::{Effect, Kind, Refusal};
use crate::reference::annotation;

/// The annotation that says when a hook is deleted.
const DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";

impl Sync<'_> {
    /// Deletes hooks of earlier syncs that are in the way of this wave; says what is waited for.
    pub(super) async fn clear_hooks(
        &self,
        tasks: &[Task],
        wave: &[usize],
    ) -> Result<Option<String>, Refusal> {
        for task in wave.iter().map(|index| &tasks[*index]) {
            let policies = policies(task);
            let before = policies.is_empty() || policies.contains(&"BeforeHookCreation");
            let (Action::Hook, Some(kind), true) = (task.action, &task.kind, before) else {
                continue;
            };
            if self.cluster.get(kind, &task.reference).await?.is_none() {
                continue;
            }
            self.cluster
                .delete(kind, &task.reference, &DeleteParams::background())
                .await?;
            if self.cluster.get(kind, &task.reference).await?.is_some() {
                return Ok(Some(format!(
                    "waiting for deletion of hook {}",
                    task.reference
                )));
            }
        }
        Ok(None)
    }

    pub(super) async fn run(&self, task: &mut Task, last: bool, results: &mut [ResourceResult]) {
        let done = match task.action {
            Action::Prune => self.prune(task).await,
            Action::Apply | Action::Hook => self.apply(task).await,
        };
        let settled = last && task.action != Action::Hook;
        let (status, progress, message) = match done {
            Ok((status, message)) => {
                let ended = settled || status == "PruneSkipped";
                let progress = if ended {
                    OperationPhase::Succeeded
                } else {
                    OperationPhase::Running
                };
                (status, progress, message)
            }
            Err(refusal) => ("SyncFailed", OperationPhase::Failed, refusal.message),
        };
        task.progress = Some(progress);
        task.message.clone_from(&message);
        let status = (task.action != Action::Hook).then_some(status);
        note(task, status, Some(message), results);
    }

    async fn apply(&self, task: &mut Task) -> Result<(&'static str, String), Refusal> {
        let Some(target) = &task.target else {
            return Ok(("Synced", String::new()));
        };
        if task.kind.is_none() {
            task.kind = self.await_kind(task).await?;
        }
        let Some(kind) = &task.kind else {
            return Err(missing_kind(task));
        };
        let mut options = self.options.of(target);
        let strategy = self.operation.sync_strategy.as_ref();
        let force = |how: &seatrial_resources::argoproj::SyncStrategyApply| how.force == Some(true);
        options.force |= strategy.is_some_and(|strategy| {
            strategy.apply.as_ref().is_some_and(force) || strategy.hook.as_ref().is_some_and(force)
        });
        let mut target = target.clone();
        if let Some(live) = task.live.as_ref().filter(|_| self.options.respect_ignored) {
            self.ignored.respect(&task.reference, &mut target, live);
        }
        let place = Place {
            cluster: self.cluster,
            kind,
            at: &task.reference,
        };
        let (_, message) = place
            .apply(&target, task.live.as_ref(), &options, Effect::Real)
            .await?;
        Ok(("Synced", message))
    }

    /// A kind that this sync has just defined is served a moment later.
    async fn await_kind(&self, task: &Task) -> Result<Option<Kind>, Refusal> {
        for _ in 0..50 {
            let kind = self
                .cluster
                .kind(&task.api_version, &task.reference.kind)
                .await?;
            if kind.is_some() || !self.will_define(task) {
                return Ok(kind);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(None)
    }

    async fn prune(&self, task: &Task) -> Result<(&'static str, String), Refusal> {
        let (Some(live), Some(kind)) = (&task.live, &task.kind) else {
            return Ok(("Pruned", "pruned".to_owned()));
        };
        let options = self.options.of(live);
        if options.never_prune {
            return Ok(("PruneSkipped", "ignored (no prune)".to_owned()));
        }
        let pruning = if self.operation.prune == Some(true) {
            Pruning::On
        } else {
            Pruning::Off
        };
        if pruning == Pruning::Off {
            return Ok(("PruneSkipped", "ignored (requires pruning)".to_owned()));
        }
        if live.pointer("/metadata/deletionTimestamp").is_none() {
            let preconditions = Preconditions {
                uid: live["metadata"]["uid"].as_str().map(str::to_owned),
                resource_version: None,
            };
            let params = DeleteParams {
                propagation_policy: Some(options.propagation.clone()),
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            self.cluster.delete(kind, &task.reference, &params).await?;
        }
        Ok(("Pruned", "pruned".to_owned()))
    }

    /// Deletes hooks whose policy says so, when the sync is over.
    pub(super) async fn delete_hooks(&self, tasks: &[Task]) -> Result<(), Refusal> {
        for task in tasks.iter().filter(|task| task.action == Action::Hook) {
            let wanted = match task.progress {
                Some(OperationPhase::Succeeded) => "HookSucceeded",
                Some(OperationPhase::Failed | OperationPhase::Error) => "HookFailed",
                _ => continue,
            };
            if let (Some(kind), true) = (&task.kind, policies(task).contains(&wanted)) {
                self.cluster
                    .delete(kind, &task.reference, &DeleteParams::background())
                    .await?;
            }
        }
        Ok(())
    }
}

fn policies(task: &Task) -> Vec<&str> {
    let text = task
        .target
        .as_ref()
        .and_then(|target| annotation(target, DELETE_POLICY));
    text.into_iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .collect()
}
