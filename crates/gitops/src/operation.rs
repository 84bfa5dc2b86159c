//! An operation's life around its sync: taken over, tried, tried again, ended.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Patch;
use seatrial_controller::{Context, Notice, ObjectKey};
use seatrial_resources::argoproj::{
    Application, ApplicationStatus, Operation, OperationPhase, OperationState, RevisionHistory,
};
use serde_json::json;

use crate::error::Error;
use crate::retry;

/// How many syncs the history keeps unless told.
const HISTORY: i64 = 10;

/// Takes over the requested operation, if there is one and none is under way. The state is written
/// before the request is taken away, so that a crash between loses nothing.
pub(crate) async fn accept(
    app: &Application,
    key: &ObjectKey,
    status: &mut ApplicationStatus,
    ctx: &Context,
) -> Result<Option<Notice>, Error> {
    let Some(operation) = &app.operation else {
        return Ok(None);
    };
    let running = status
        .operation_state
        .as_ref()
        .filter(|state| crate::automation::is_running(state));
    let accepted = running.map(|state| state.operation == *operation);
    if accepted == Some(false) {
        // Another one is under way: this one has its turn after it.
        return Ok(None);
    }
    let objects = ctx.objects::<Application>();
    if accepted.is_none() {
        status.operation_state = Some(begin(operation.clone(), ctx.clock.now()));
        let patch = json!({"operationState": null});
        objects
            .patch_status(key, &patch)
            .await
            .map_err(Error::AcceptOperation)?;
        let patch = json!({"operationState": status.operation_state});
        objects
            .patch_status(key, &patch)
            .await
            .map_err(Error::AcceptOperation)?;
    }
    let patch = Patch::Merge(json!({"operation": null}));
    objects
        .patch(key, &patch)
        .await
        .map_err(Error::AcceptOperation)?;
    Ok(accepted.is_none().then(|| started(operation, app)))
}

fn started(operation: &Operation, app: &Application) -> Notice {
    let who = operation
        .initiated_by
        .as_ref()
        .and_then(|by| by.username.as_deref());
    let revision = operation
        .sync
        .as_ref()
        .and_then(|sync| sync.revision.as_deref());
    let target = app
        .spec
        .source
        .as_ref()
        .and_then(|source| source.target_revision.as_deref());
    let revision = revision.or(target).unwrap_or("HEAD");
    Notice::normal(
        "OperationStarted",
        format!(
            "{} initiated sync to {revision}",
            who.unwrap_or("Unknown user")
        ),
    )
}

/// An operation that begins now.
pub(crate) fn begin(operation: Operation, now: Timestamp) -> OperationState {
    OperationState {
        operation,
        phase: OperationPhase::Running,
        started_at: Some(Time(now)),
        ..OperationState::default()
    }
}

/// What is to be done about an operation in this pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing is under way.
    Idle,
    /// It goes a step further.
    Step,
    /// It is tried again after this long.
    Pause(Duration),
    /// Somebody asked to stop it.
    Stop,
}

/// Says whose turn it is, and begins the next try when its time has come.
pub(crate) fn turn(state: Option<&mut OperationState>, now: Timestamp) -> Turn {
    let Some(state) = state else {
        return Turn::Idle;
    };
    match (state.phase, &state.finished_at) {
        (OperationPhase::Terminating, _) => return Turn::Stop,
        (OperationPhase::Running, None) => return Turn::Step,
        (OperationPhase::Running, Some(_)) => {}
        _ => return Turn::Idle,
    }
    let tries = state.retry_count.unwrap_or(1) - 1;
    let strategy = state.operation.retry.clone().unwrap_or_default();
    let wait = retry::wait(&strategy, tries).unwrap_or_default();
    let ended = state.finished_at.as_ref().map_or(now, |time| time.0);
    let left = wait.saturating_sub(now.duration_since(ended).unsigned_abs());
    if !left.is_zero() {
        return Turn::Pause(left);
    }
    state.finished_at = None;
    state.sync_result = None;
    Turn::Step
}

/// After a step: plans another try of what failed, or closes the operation and says so.
pub(crate) fn conclude(
    app: &Application,
    status: &mut ApplicationStatus,
    now: Timestamp,
) -> Option<Notice> {
    let state = status.operation_state.as_mut()?;
    if crate::automation::is_running(state) {
        return None;
    }
    state.finished_at.get_or_insert(Time(now));
    let message = state.message.clone().unwrap_or_default();
    let tried = state.retry_count.unwrap_or(0);
    let failed = state.phase != OperationPhase::Succeeded;
    let stopped = message == "Operation terminated";
    let again = retry::limit(state.operation.retry.as_ref()).is_none_or(|limit| tried < limit);
    if failed && again && !stopped {
        let strategy = state.operation.retry.clone().unwrap_or_default();
        match retry::wait(&strategy, tried) {
            Ok(wait) => {
                let at = now.saturating_add(wait).unwrap_or(now);
                state.phase = OperationPhase::Running;
                state.retry_count = Some(tried + 1);
                state.message = Some(format!(
                    "{message}. Retrying attempt #{} at {}.",
                    tried + 1,
                    at.strftime("%-I:%M%p")
                ));
                return None;
            }
            Err(malformed) => {
                state.message = Some(format!("{message}; not tried again: {malformed}"));
            }
        }
    } else if failed && tried > 0 {
        state.message = Some(format!("{message} (retried {tried} times)."));
    }
    let state = state.clone();
    if !failed {
        remember(app, status, &state);
    }
    Some(completed(&state))
}

fn completed(state: &OperationState) -> Notice {
    let revision = state
        .sync_result
        .as_ref()
        .map_or("", |result| result.revision.as_str());
    let sync = state.operation.sync.as_ref();
    let part = sync
        .and_then(|sync| sync.resources.as_ref())
        .is_some_and(|list| !list.is_empty());
    let what = if part {
        "Partial sync operation"
    } else {
        "Sync operation"
    };
    let message = state.message.as_deref().unwrap_or_default();
    match state.phase {
        OperationPhase::Succeeded => Notice::normal(
            "OperationCompleted",
            format!("{what} to {revision} succeeded"),
        ),
        _ => Notice::warning(
            "OperationCompleted",
            format!("{what} to {revision} failed: {message}"),
        ),
    }
}

/// Adds a finished sync to the history, unless it was for show or of a part only.
fn remember(app: &Application, status: &mut ApplicationStatus, state: &OperationState) {
    let Some(sync) = &state.operation.sync else {
        return;
    };
    let part = sync.resources.as_ref().is_some_and(|list| !list.is_empty());
    if sync.dry_run == Some(true) || part {
        return;
    }
    let history = status.history.get_or_insert_default();
    let id = history.last().map_or(0, |last| last.id + 1);
    let result = state.sync_result.clone().unwrap_or_default();
    history.push(RevisionHistory {
        id,
        revision: result.revision,
        deployed_at: state.finished_at.clone(),
        deploy_started_at: state.started_at.clone(),
        source: result.source.or_else(|| app.spec.source.clone()),
        initiated_by: state.operation.initiated_by.clone(),
    });
    let limit = app.spec.revision_history_limit.unwrap_or(HISTORY);
    let limit = usize::try_from(limit).unwrap_or(0);
    let surplus = history.len().saturating_sub(limit);
    history.drain(..surplus);
}
