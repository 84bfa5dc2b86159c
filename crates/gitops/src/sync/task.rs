//! What a sync has to do, in order.

use seatrial_resources::argoproj::{OperationPhase, ResourceResult};
use serde_json::Value;

use super::order;
use crate::cluster::Kind;
use crate::live::Pair;
use crate::reference::{Reference, TRACKING, annotation, split_version};
use crate::sync_option::SyncOptions;
use crate::target::{Target, WAVE};

/// The part of a sync in which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Before the objects.
    PreSync,
    /// With the objects.
    Sync,
    /// When the objects are well.
    PostSync,
    /// When something failed.
    SyncFail,
}

impl Phase {
    /// The phase by its name in an annotation.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "PreSync" => Self::PreSync,
            "Sync" => Self::Sync,
            "PostSync" => Self::PostSync,
            "SyncFail" => Self::SyncFail,
            _ => return None,
        })
    }

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
        }
    }
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Prune,
    Apply,
    Hook,
}

/// One object's part in a sync.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) phase: Phase,
    pub(super) wave: i64,
    pub(super) action: Action,
    pub(super) reference: Reference,
    pub(super) api_version: String,
    pub(super) kind: Option<Kind>,
    pub(super) target: Option<Value>,
    pub(super) live: Option<Value>,
    /// What it came to so far; nothing where it has not begun.
    pub(super) progress: Option<OperationPhase>,
    /// What the server said.
    pub(super) message: String,
}

/// Names hooks that ask for a name of their own for each sync.
pub(super) struct HookNames<'a> {
    pub(super) revision: &'a str,
    pub(super) started: i64,
}

/// Which prunes a sync does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pruning {
    On,
    Off,
}

/// All tasks in their order, with what the results say of them.
pub(super) fn tasks<'a>(
    pairs: impl Iterator<Item = &'a Pair>,
    hooks: impl Iterator<Item = &'a Target>,
    names: &HookNames<'_>,
    options: &SyncOptions,
    results: &[ResourceResult],
) -> Vec<Task> {
    let mut tasks: Vec<Task> = pairs.map(of_pair).collect();
    for hook in hooks {
        tasks.extend(hook.hooks.iter().map(|phase| of_hook(hook, *phase, names)));
    }
    arrange_prunes(&mut tasks, options);
    tasks.sort_by_cached_key(|task| {
        let kind = order::of(&task.reference.kind);
        // What is deleted goes in the opposite order.
        let kind = if task.action == Action::Prune {
            usize::MAX - kind
        } else {
            kind
        };
        (
            task.phase,
            task.wave,
            task.action,
            kind,
            task.reference.clone(),
        )
    });
    for task in &mut tasks {
        if let Some(result) = results.iter().find(|result| is_of(result, task)) {
            task.progress = result.hook_phase;
            task.message = result.message.clone().unwrap_or_default();
        }
    }
    tasks
}

fn of_pair(pair: &Pair) -> Task {
    let object = pair.target.as_ref().or(pair.live.as_ref());
    Task {
        phase: Phase::Sync,
        wave: object.map_or(0, wave),
        action: if pair.target.is_some() {
            Action::Apply
        } else {
            Action::Prune
        },
        reference: pair.reference.clone(),
        api_version: pair.api_version.clone(),
        kind: pair.kind.clone(),
        target: pair.target.clone(),
        live: pair.live.clone(),
        progress: None,
        message: String::new(),
    }
}

fn of_hook(hook: &Target, phase: Phase, names: &HookNames<'_>) -> Task {
    let (mut reference, mut value) = (hook.reference.clone(), hook.value.clone());
    if reference.name.is_empty() {
        let prefix = value["metadata"]["generateName"]
            .as_str()
            .unwrap_or_default();
        let revision = names.revision.get(..7).unwrap_or(names.revision);
        let phase = phase.as_str().to_lowercase();
        reference.name = format!("{prefix}{revision}-{phase}-{}", names.started);
        value["metadata"]["name"] = reference.name.as_str().into();
        // It ends in the name, which was not known when it was written.
        let id = format!(
            "{}{}",
            annotation(&value, TRACKING).unwrap_or_default(),
            reference.name
        );
        value["metadata"]["annotations"][TRACKING] = id.into();
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("generateName");
        }
    }
    Task {
        phase,
        wave: wave(&value),
        action: Action::Hook,
        reference,
        api_version: hook.api_version.clone(),
        kind: hook.kind.clone(),
        target: Some(value),
        live: None,
        progress: None,
        message: String::new(),
    }
}

/// The wave an object asks for.
pub(crate) fn wave(object: &Value) -> i64 {
    annotation(object, WAVE)
        .and_then(|wave| wave.trim().parse().ok())
        .unwrap_or(0)
}

/// Prunes run in the reverse order of their waves; those that ask to be last come after everything.
fn arrange_prunes(tasks: &mut [Task], options: &SyncOptions) {
    let prunes = |task: &&Task| task.action == Action::Prune;
    let mut waves: Vec<i64> = tasks.iter().filter(prunes).map(|task| task.wave).collect();
    waves.sort_unstable();
    waves.dedup();
    let last = tasks
        .iter()
        .filter(|task| task.phase == Phase::Sync)
        .map(|task| task.wave)
        .max();
    for task in tasks.iter_mut().filter(|task| task.action == Action::Prune) {
        let asks = task
            .live
            .as_ref()
            .is_some_and(|live| options.of(live).prune_last);
        if asks {
            task.wave = last.unwrap_or(0).saturating_add(1);
        } else if let Ok(index) = waves.binary_search(&task.wave) {
            task.wave = waves[waves.len() - 1 - index];
        }
    }
}

/// Whether a result is a task's.
pub(super) fn is_of(result: &ResourceResult, task: &Task) -> bool {
    let Reference {
        group,
        kind,
        namespace,
        name,
    } = &task.reference;
    result.group == *group
        && result.kind == *kind
        && result.namespace == *namespace
        && result.name == *name
        && result.sync_phase.as_deref() == Some(task.phase.as_str())
}

/// The result of a task that has not begun.
pub(super) fn blank(task: &Task) -> ResourceResult {
    let Reference {
        group,
        kind,
        namespace,
        name,
    } = task.reference.clone();
    ResourceResult {
        group,
        version: split_version(&task.api_version).1.to_owned(),
        kind,
        namespace,
        name,
        hook_type: (task.action == Action::Hook).then(|| task.phase.as_str().to_owned()),
        sync_phase: Some(task.phase.as_str().to_owned()),
        ..ResourceResult::default()
    }
}
