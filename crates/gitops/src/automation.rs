//! When an application syncs by itself: a pure decision.

use std::time::Duration;

use jiff::Timestamp;
use seatrial_resources::argoproj::{
    Application, ApplicationSource, ApplicationStatus, Operation, OperationInitiator,
    OperationPhase, OperationState, ResourceStatus, SyncOperation, SyncOperationResource,
    SyncStatusCode,
};

/// The first wait between attempts to undo changes made by hand.
const FIRST: Duration = Duration::from_secs(2);
/// What it is multiplied by each time.
const FACTOR: u32 = 3;
/// The longest.
const LONGEST: Duration = Duration::from_mins(5);
/// After this long without an attempt, counting begins anew.
const COOLDOWN: Duration = Duration::from_secs(330);

/// What to do about an application that is out of sync.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Nothing.
    Rest,
    /// Nothing before this has passed.
    Wait(Duration),
    /// Nothing, because of this: condition `SyncError`.
    Refuse(String),
    /// Sync.
    Start(Box<Operation>),
}

/// Decides. `status` is the newest comparison.
pub(crate) fn decide(app: &Application, status: &ApplicationStatus, now: Timestamp) -> Decision {
    let policy = app.spec.sync_policy.as_ref();
    let Some(automated) = policy.and_then(|policy| policy.automated.as_ref()) else {
        return Decision::Rest;
    };
    let idle = app.operation.is_none()
        && !status.operation_state.as_ref().is_some_and(is_running)
        && app.metadata.deletion_timestamp.is_none();
    let (Some(revision), SyncStatusCode::OutOfSync, true) = (
        &status.sync.revision,
        status.sync.status,
        idle && automated.enabled != Some(false),
    ) else {
        return Decision::Rest;
    };
    let resources = status.resources.as_deref().unwrap_or_default();
    let differing: Vec<_> = resources
        .iter()
        .filter(|one| one.status == Some(SyncStatusCode::OutOfSync))
        .collect();
    let prune = automated.prune == Some(true);
    if !prune
        && differing
            .iter()
            .all(|one| one.requires_pruning == Some(true))
    {
        return Decision::Rest;
    }
    let emptied = !resources.is_empty()
        && resources
            .iter()
            .all(|one| one.requires_pruning == Some(true));
    if prune && automated.allow_empty != Some(true) && emptied {
        return Decision::Refuse(format!(
            "Skipping sync attempt to {revision}: auto-sync will wipe out all resources"
        ));
    }
    let retry = policy.and_then(|policy| policy.retry.clone());
    let mut sync = SyncOperation {
        revision: Some(revision.clone()),
        prune: automated.prune,
        sync_options: policy.and_then(|policy| policy.sync_options.clone()),
        ..SyncOperation::default()
    };
    let state = status.operation_state.as_ref();
    if let Some(state) = state.filter(|state| attempted(state, app.spec.source.as_ref(), revision))
    {
        if state.phase != OperationPhase::Succeeded {
            let message = state.message.as_deref().unwrap_or_default();
            return Decision::Refuse(format!("Failed last sync attempt to {revision}: {message}"));
        }
        if automated.self_heal != Some(true) {
            return Decision::Rest;
        }
        let attempts = attempts(state, now);
        if let Some(left) = healing_pause(state, attempts, now) {
            return Decision::Wait(left);
        }
        sync.self_heal_attempts_count = Some(attempts + 1);
        sync.resources = Some(differing.into_iter().map(chosen).collect());
    }
    Decision::Start(Box::new(Operation {
        sync: Some(sync),
        initiated_by: Some(OperationInitiator {
            username: None,
            automated: Some(true),
        }),
        info: None,
        retry,
    }))
}

/// Whether an operation is under way.
pub(crate) fn is_running(state: &OperationState) -> bool {
    matches!(
        state.phase,
        OperationPhase::Running | OperationPhase::Terminating
    )
}

/// Whether the last sync was to this revision of this source.
fn attempted(state: &OperationState, source: Option<&ApplicationSource>, revision: &str) -> bool {
    state.sync_result.as_ref().is_some_and(|result| {
        result.revision == revision
            && (source.is_none() || result.source.is_none() || result.source.as_ref() == source)
    })
}

fn attempts(state: &OperationState, now: Timestamp) -> i64 {
    let count = state
        .operation
        .sync
        .as_ref()
        .and_then(|sync| sync.self_heal_attempts_count);
    if since(state, now) > COOLDOWN {
        0
    } else {
        count.unwrap_or(0)
    }
}

fn since(state: &OperationState, now: Timestamp) -> Duration {
    let end = state.finished_at.as_ref().map_or(now, |time| time.0);
    now.duration_since(end).unsigned_abs()
}

/// How long to wait still before the next attempt to heal.
fn healing_pause(state: &OperationState, attempts: i64, now: Timestamp) -> Option<Duration> {
    let steps = u32::try_from(attempts).unwrap_or(u32::MAX).checked_sub(1)?;
    let factor = FACTOR.checked_pow(steps).unwrap_or(u32::MAX);
    let pause = FIRST.saturating_mul(factor).min(LONGEST);
    pause
        .checked_sub(since(state, now))
        .filter(|left| !left.is_zero())
}

fn chosen(resource: &ResourceStatus) -> SyncOperationResource {
    SyncOperationResource {
        group: resource.group.clone(),
        kind: resource.kind.clone().unwrap_or_default(),
        name: resource.name.clone().unwrap_or_default(),
        namespace: resource.namespace.clone(),
    }
}

#[cfg(test)]
mod tests;
