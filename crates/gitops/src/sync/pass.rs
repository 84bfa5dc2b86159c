//! One pass of a sync.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_resources::argoproj::{
    Application, HealthStatusCode, OperationPhase, OperationState, ResourceResult, SyncOperation,
    SyncOperationResult,
};
use serde_json::Value;

use super::plan::{Step, decide, is_last};
use super::task::{Action, HookNames, Task, is_of, tasks};
use crate::cluster::{Cluster, Refusal};
use crate::health;
use crate::ignore::Ignored;
use crate::live::Pair;
use crate::reference::Reference;
use crate::status::images_of;
use crate::sync_option::SyncOptions;
use crate::target::Targets;

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
}

/// How a running task stands, and what is to be said about it.
fn standing(task: &Task, live: Option<&Value>) -> (OperationPhase, Option<String>) {
    let Some(live) = live else {
        return match task.action {
            // A hook may be deleted by somebody when it is through; an object must be there.
            Action::Prune | Action::Hook => (OperationPhase::Succeeded, None),
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
pub(super) fn note(
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
