//! One job of a matrix, from its turn to its end: its concurrency group, its slot, its run.

use std::collections::BTreeMap;

use super::Engine;
use super::concurrency::{Holder, Place};
use super::job::{self, Assignment};
use super::outcome::{Conclusion, JobResult};
use super::state::is_true;
use crate::expression::{Scope, Status};
use crate::workflow::Concurrency;

/// Waits for the job's turn and runs it.
pub(super) async fn run(mut assignment: Assignment, engine: &Engine) -> JobResult {
    // A token of its own: a newer job of its concurrency group cancels it alone.
    assignment.cancel = assignment.cancel.child_token();
    let cancel = assignment.cancel.clone();
    let job = assignment.job.clone();
    let _place = match &job.concurrency {
        None => None,
        Some(concurrency) => match enter(&assignment, concurrency, engine).await {
            Ok(Some(place)) => Some(place),
            Ok(None) => return cancelled(&assignment),
            Err(message) => return ended(&assignment, Conclusion::Failure, message),
        },
    };
    // A permit is refused only when the semaphore is closed, which nobody does.
    let permit = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        permit = engine.slots.clone().acquire_owned() => permit.ok(),
    };
    match permit {
        Some(_permit) => job::run(assignment).await,
        None => cancelled(&assignment),
    }
}

async fn enter(
    assignment: &Assignment,
    concurrency: &Concurrency,
    engine: &Engine,
) -> Result<Option<Place>, String> {
    let run = &assignment.run;
    let contexts =
        run.instance_contexts(&assignment.needs, &assignment.instance, assignment.strategy);
    let scope = Scope {
        contexts: &contexts,
        status: Status::Success,
        files: None,
    };
    let (key, holder) = group(&run.request.repository, concurrency, &scope)
        .map_err(|error| format!("{}: {error}", run.request.workflow.path))?;
    Ok(engine.groups.enter(&key, holder, &assignment.cancel).await)
}

/// The group's key and what is to become of its holder. Groups are a repository's own.
pub(super) fn group(
    repository: &str,
    concurrency: &Concurrency,
    scope: &Scope<'_>,
) -> Result<(String, Holder), String> {
    let at = concurrency.group.position();
    let name = concurrency
        .group
        .text(scope)
        .map_err(|error| format!("{at}: {error}"))?;
    let cancels = match &concurrency.cancel_in_progress {
        Some(template) => {
            let at = template.position();
            is_true(
                &template
                    .value(scope)
                    .map_err(|error| format!("{at}: {error}"))?,
            )
        }
        None => false,
    };
    let holder = if cancels {
        Holder::Cancel
    } else {
        Holder::Wait
    };
    Ok((format!("{repository}/{name}"), holder))
}

fn cancelled(assignment: &Assignment) -> JobResult {
    ended(
        assignment,
        Conclusion::Cancelled,
        "cancelled before it started".to_owned(),
    )
}

fn ended(assignment: &Assignment, conclusion: Conclusion, message: String) -> JobResult {
    let message = Some(message);
    let progress = &assignment.run.progress;
    progress.job_ended(
        &assignment.instance.id,
        conclusion,
        message.clone(),
        BTreeMap::new(),
    );
    JobResult::without_work(conclusion, message)
}
