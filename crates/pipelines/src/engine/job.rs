//! One job: a sandbox, its steps in order, its outputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use seatrial_resources::seatrial_dev::StepStatus;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::{Contexts, Instance, JobScope, RunScope};
use super::outcome::{Conclusion, JobResult};
use super::prepare::prepare;
use super::session::Session;
use super::state::State;
use super::{finish, step};
use crate::expression::{Scope, Status};
use crate::port::Kind;
use crate::workflow::Job;

/// How long steps that always run may take after a stop or a time limit, all together.
const GRACE: Duration = Duration::from_mins(5);

/// What a job is given to run.
pub(crate) struct Assignment {
    pub(crate) run: Arc<RunScope>,
    pub(crate) job: Arc<Job>,
    pub(crate) instance: Instance,
    pub(crate) needs: Value,
    /// `strategy.fail-fast` and `strategy.max-parallel`, evaluated.
    pub(crate) strategy: (bool, Option<usize>),
    pub(crate) cancel: CancellationToken,
}

/// Runs a job to its end.
pub(crate) async fn run(assignment: Assignment) -> JobResult {
    let run = assignment.run.clone();
    let id = assignment.instance.id.clone();
    let contexts =
        run.instance_contexts(&assignment.needs, &assignment.instance, assignment.strategy);
    let names: Vec<StepStatus> = assignment.job.steps.iter().map(pending).collect();
    run.progress
        .job_started(&id, name(&assignment, &contexts), names);
    let result = match prepare(assignment, contexts).await {
        Ok((scope, state)) => {
            let result = work(&scope, state).await;
            scope.sandbox.close().await;
            result
        }
        Err(message) => {
            let message = run.masks.apply(&message);
            Session::new(run.sink(&id), 0, "Set up job").write(Kind::Error, &message);
            JobResult::without_work(Conclusion::Failure, Some(message))
        }
    };
    run.progress.job_ended(
        &id,
        result.conclusion,
        result.message.clone(),
        result.outputs.clone(),
    );
    result
}

fn pending(step: &crate::workflow::Step) -> StepStatus {
    StepStatus {
        name: step::title(step),
        ..StepStatus::default()
    }
}

/// The job's name for people.
fn name(assignment: &Assignment, contexts: &Contexts) -> String {
    let scope = Scope {
        contexts,
        status: Status::Success,
        files: None,
    };
    let written = assignment
        .job
        .name
        .as_ref()
        .and_then(|name| name.text(&scope).ok());
    let name = written.unwrap_or_else(|| assignment.instance.id.clone());
    assignment.run.masks.apply(&name)
}

/// The job's steps, then what actions left for the end, then the outputs.
async fn work(scope: &JobScope, mut state: State) -> JobResult {
    let mut message = None;
    for (index, step) in scope.job.steps.iter().enumerate() {
        interrupt(scope, &mut state, &mut message);
        if let Some(failure) = one(scope, &mut state, index, step).await {
            message.get_or_insert(failure);
        }
    }
    interrupt(scope, &mut state, &mut message);
    finish::posts(scope, &mut state).await;
    let conclusion = match state.status {
        Status::Success | Status::Skipped => Conclusion::Success,
        Status::Failure => Conclusion::Failure,
        Status::Cancelled => Conclusion::Cancelled,
    };
    let outputs = finish::outputs(scope, &state);
    JobResult {
        conclusion,
        tolerated: finish::tolerated(scope, &state),
        outputs,
        message,
    }
}

/// Notes a request to stop or a passed time limit; steps that always run then get some grace.
fn interrupt(scope: &JobScope, state: &mut State, message: &mut Option<String>) {
    if state.status == Status::Cancelled {
        return;
    }
    let reason = if scope.cancel.is_cancelled() {
        "cancelled".to_owned()
    } else if Instant::now() >= state.deadline {
        "the job's time limit passed (timeout-minutes)".to_owned()
    } else {
        return;
    };
    state.status = Status::Cancelled;
    state.deadline = Instant::now() + GRACE;
    state.cancel = CancellationToken::new();
    *message = Some(reason);
}

/// One step of the job; a sentence about it where it failed.
async fn one(
    scope: &JobScope,
    state: &mut State,
    index: usize,
    step: &crate::workflow::Step,
) -> Option<String> {
    let progress = &scope.run.progress;
    let id = scope.instance.id.as_str();
    match step::condition(scope, state, step) {
        Ok(true) => {}
        Ok(false) => {
            progress.step_ended(id, index, Conclusion::Skipped, None, None);
            if let Some(key) = &step.id {
                let record =
                    step::record(&BTreeMap::new(), Conclusion::Skipped, Conclusion::Skipped);
                state.steps.insert(key.clone(), record);
            }
            return None;
        }
        Err(error) => {
            let at = step
                .condition
                .as_ref()
                .map_or(step.at, crate::expression::Template::position);
            let path = &scope.run.request.workflow.path;
            let message = format!("{path}:{at}: `if`: {error}");
            Session::new(scope.run.sink(id), index + 1, "if").write(Kind::Error, &message);
            state.status = Status::Failure;
            progress.step_ended(id, index, Conclusion::Failure, None, Some(message.clone()));
            return Some(message);
        }
    }
    let name = step::name(scope, state, step);
    progress.step_started(id, index, &name);
    let mut session = Session::new(scope.run.sink(id), index + 1, &name);
    let result = step::run(scope, state, step, &mut session).await;
    let stopped = scope.cancel.is_cancelled() || Instant::now() >= state.deadline;
    if result.conclusion != Conclusion::Success && state.status != Status::Cancelled {
        // A stop from outside is noted as such before the next step.
        state.status = if stopped {
            state.status
        } else {
            Status::Failure
        };
    }
    let shown = match (result.outcome, stopped) {
        (Conclusion::Failure, true) => Conclusion::Cancelled,
        (Conclusion::Failure, false) if result.conclusion == Conclusion::Success => {
            Conclusion::Failure
        }
        _ => result.conclusion,
    };
    let detail = result.message.as_ref().map(|message| {
        let words = result.last_words.trim();
        if words.is_empty() || words == message {
            message.clone()
        } else {
            format!("{message}\n{words}")
        }
    });
    progress.step_ended(id, index, shown, result.exit_code, detail);
    (result.conclusion == Conclusion::Failure && !stopped).then(|| {
        let message = result.message.unwrap_or_default();
        let last = result
            .last_words
            .lines()
            .next_back()
            .unwrap_or_default()
            .trim();
        // An action's message is complete; a command's exit code alone says little.
        let quoted = result.exit_code.is_some() && !last.is_empty() && !message.contains(last);
        let because = if quoted {
            format!(": {last}")
        } else {
            String::new()
        };
        format!("step `{name}`: {message}{because}")
    })
}

/// The `needs` context of a job.
pub(crate) fn needs(results: &[(String, Value)]) -> Value {
    json!(results.iter().cloned().collect::<Map<String, Value>>())
}
