//! One pass of a sync.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Preconditions};
use seatrial_resources::argoproj::{
    Application, HealthStatusCode, OperationPhase, OperationState, ResourceResult, SyncOperation,
    SyncOperationResult,
};
use serde_json::{Value, json};

use super::plan::{Step, decide, is_last};
use super::task::{Action, HookNames, Pruning, Task, blank, is_of, tasks};
use crate::apply::Place;
use crate::cluster::{Cluster, Effect, Kind, Refusal};
use crate::health;
use crate::ignore::Ignored;
use crate::live::Pair;
use crate::reference::{Reference, TRACKING, annotation, tracked_by};
use crate::status::images_of;
use crate::sync_option::SyncOptions;
use crate::target::Targets;

/// The annotation that says when a hook is deleted.
const DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";

/// A sync and all it needs.
pub(crate) struct Sync<'a> {
    pub(crate) app: &'a Application,
    pub(crate) cluster: &'a Cluster,
    pub(crate) operation: &'a SyncOperation,
    pub(crate) options: &'a SyncOptions,
    pub(crate) ignored: &'a Ignored,
    pub(crate) targets: &'a Targets,
    pub(crate) pairs: &'a [Pair],
    /// The objects that are not as they shall be.
    pub(crate) out_of_sync: &'a [Reference],
    pub(crate) revision: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) now: Timestamp,
}

impl Sync<'_> {
    /// Goes one step further and notes it in `state`.
    pub(crate) async fn pass(&self, state: &mut OperationState) {
        let source = self
            .operation
            .source
            .clone()
            .or_else(|| self.app.spec.source.clone());
        let result = state
            .sync_result
            .get_or_insert_with(SyncOperationResult::default);
        self.revision.clone_into(&mut result.revision);
        result.source = source;
        let mut results = result.resources.take().unwrap_or_default();
        let mut tasks = self.tasks(state.started_at.as_ref(), &results);
        let step = match self.step(&mut tasks, &mut results).await {
            Ok(step) => step,
            Err(refusal) => {
                // The API could not be asked: not the application's fault, tried again.
                state.message = Some(refusal.message);
                Step::Wait(String::new())
            }
        };
        if let Some(result) = &mut state.sync_result {
            result.resources = (!results.is_empty()).then_some(results);
        }
        let (phase, message) = match step {
            Step::Run(_) => (
                OperationPhase::Running,
                "one or more tasks are running".to_owned(),
            ),
            Step::Wait(message) if message.is_empty() => return,
            Step::Wait(message) => (OperationPhase::Running, message),
            Step::Succeed(message) => (OperationPhase::Succeeded, message),
            Step::Fail(message) => (OperationPhase::Failed, message),
        };
        state.phase = phase;
        state.message = Some(message);
        if phase != OperationPhase::Running {
            state.finished_at = Some(Time(self.now));
        }
    }

    fn tasks(&self, started: Option<&Time>, results: &[ResourceResult]) -> Vec<Task> {
        let names = HookNames {
            revision: self.revision,
            started: started.map_or(0, |time| time.0.as_second()),
        };
        let chosen = self.pairs.iter().filter(|pair| self.is_chosen(pair));
        let whole = self.operation.resources.as_ref().is_none_or(Vec::is_empty);
        let only_apply = self.operation.sync_strategy.as_ref();
        let only_apply = only_apply.is_some_and(|how| how.apply.is_some() && how.hook.is_none());
        let hooks = self.targets.all.iter();
        let hooks = hooks.filter(|target| !target.hooks.is_empty() && whole && !only_apply);
        tasks(chosen, hooks, &names, self.options, results)
    }

    /// Whether the operation is about an object.
    fn is_chosen(&self, pair: &Pair) -> bool {
        let at = &pair.reference;
        if let Some(chosen) = self
            .operation
            .resources
            .as_ref()
            .filter(|list| !list.is_empty())
        {
            return chosen.iter().any(|one| {
                one.group.as_deref().unwrap_or_default() == at.group
                    && one.kind == at.kind
                    && one.name == at.name
                    && one
                        .namespace
                        .as_deref()
                        .is_none_or(|name| name.is_empty() || name == at.namespace)
            });
        }
        // Those that a pass of this sync has listed stay chosen when they have come into sync.
        !self.options.only_out_of_sync || self.out_of_sync.contains(at)
    }

    async fn step(
        &self,
        tasks: &mut Vec<Task>,
        results: &mut Vec<ResourceResult>,
    ) -> Result<Step, Refusal> {
        if results.is_empty() {
            if let Some(step) = self.first(tasks, results).await? {
                return Ok(step);
            }
        } else {
            // A partial sync's objects come into sync while it runs; what was listed counts.
            tasks.retain(|task| results.iter().any(|result| is_of(result, task)));
        }
        self.observe(tasks, results).await?;
        let step = decide(tasks);
        if let Step::Run(wave) = &step {
            if let Some(message) = self.clear_hooks(tasks, wave).await? {
                return Ok(Step::Wait(message));
            }
            let last = is_last(tasks, wave);
            for index in wave.clone() {
                self.run(&mut tasks[index], last, results).await;
            }
            return Ok(match decide(tasks) {
                Step::Run(_) => step,
                next => next,
            });
        }
        if matches!(step, Step::Succeed(_) | Step::Fail(_)) {
            self.delete_hooks(tasks).await?;
        }
        Ok(step)
    }

    /// Lists everything in the results and asks the server whether it would take it. Gives a step
    /// where that is the end.
    async fn first(
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

    fn will_define(&self, task: &Task) -> bool {
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

    /// Looks how the running tasks stand.
    async fn observe(
        &self,
        tasks: &mut [Task],
        results: &mut [ResourceResult],
    ) -> Result<(), Refusal> {
        for task in tasks
            .iter_mut()
            .filter(|task| task.progress == Some(OperationPhase::Running))
        {
            if task.kind.is_none() {
                task.kind = self
                    .cluster
                    .kind(&task.api_version, &task.reference.kind)
                    .await?;
            }
            let Some(kind) = &task.kind else {
                continue;
            };
            let live = self.cluster.get(kind, &task.reference).await?;
            let (progress, message) = standing(task, live.as_ref());
            task.progress = Some(progress);
            if let Some(message) = message {
                task.message.clone_from(&message);
                note(task, None, Some(message), results);
            } else {
                note(task, None, None, results);
            }
            task.live = live;
        }
        Ok(())
    }

    /// Deletes hooks of earlier syncs that are in the way of this wave; says what is waited for.
    async fn clear_hooks(&self, tasks: &[Task], wave: &[usize]) -> Result<Option<String>, Refusal> {
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

    async fn run(&self, task: &mut Task, last: bool, results: &mut [ResourceResult]) {
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
    async fn delete_hooks(&self, tasks: &[Task]) -> Result<(), Refusal> {
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

fn missing_kind(task: &Task) -> Refusal {
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

/// How a running task stands, and what is to be said about it.
fn standing(task: &Task, live: Option<&Value>) -> (OperationPhase, Option<String>) {
    let Some(live) = live else {
        return match task.action {
            Action::Prune => (OperationPhase::Succeeded, None),
            // A hook may be deleted by somebody when it is through; an object must be there.
            Action::Hook => (OperationPhase::Succeeded, None),
            Action::Apply => (OperationPhase::Running, None),
        };
    };
    if task.action == Action::Prune {
        return (OperationPhase::Running, None);
    }
    let Some(health) = health::of(live) else {
        return (OperationPhase::Succeeded, None);
    };
    let message = health.message.filter(|message| !message.is_empty());
    match health.code {
        HealthStatusCode::Healthy => (
            OperationPhase::Succeeded,
            message.filter(|_| task.action == Action::Hook),
        ),
        HealthStatusCode::Degraded => (OperationPhase::Failed, message),
        _ => (OperationPhase::Running, None),
    }
}

/// Notes what a task came to.
fn note(
    task: &Task,
    status: Option<&str>,
    message: Option<String>,
    results: &mut [ResourceResult],
) {
    let Some(result) = results.iter_mut().find(|result| is_of(result, task)) else {
        return;
    };
    result.hook_phase = task.progress;
    if let Some(status) = status {
        result.status = Some(status.to_owned());
    }
    if message.is_some() {
        result.message = message;
    }
    let images = task.target.as_ref().map(images_of).unwrap_or_default();
    result.images = (!images.is_empty()).then(|| images.into_iter().collect());
}

/// Ends a sync that somebody asked to stop.
pub(crate) fn terminate(state: &mut OperationState, now: Timestamp) {
    state.phase = OperationPhase::Failed;
    state.message = Some("Operation terminated".to_owned());
    state.finished_at = Some(Time(now));
    let results = state
        .sync_result
        .as_mut()
        .and_then(|result| result.resources.as_mut());
    for result in results.into_iter().flatten() {
        if result.hook_phase == Some(OperationPhase::Running) {
            result.hook_phase = Some(OperationPhase::Failed);
            result.message = Some("Terminated".to_owned());
        }
    }
}
