//! One job: a sandbox, its steps in order, its outputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use seatrial_resources::seatrial_dev::StepStatus;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::{Contexts, Instance, JobScope, RunScope};
use super::directories::Directories;
use super::environment;
use super::outcome::Conclusion;
use super::session::Session;
use super::step::{self, State, Workspace};
use crate::action::{self, Call};
use crate::expression::{Scope, Status, text};
use crate::port::{Kind, SandboxRequest, chain};
use crate::workflow::{Job, Work};

/// How long a job may take where it does not say (GitHub's default).
const LIMIT: Duration = Duration::from_secs(360 * 60);

/// How long steps that always run may take after a stop or a time limit, all together.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// How a job went.
#[derive(Debug, Clone)]
pub(crate) struct JobResult {
    pub(crate) conclusion: Conclusion,
    /// Whether a failure is not to fail the run.
    pub(crate) tolerated: bool,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) message: Option<String>,
}

impl JobResult {
    /// How others see it: a tolerated failure is a success.
    pub(crate) fn seen(&self) -> Conclusion {
        if self.tolerated && self.conclusion == Conclusion::Failure {
            Conclusion::Success
        } else {
            self.conclusion
        }
    }

    /// A matrix's results as one: outputs of later instances win where they are not empty.
    pub(crate) fn together(results: Vec<Self>) -> Self {
        let conclusion = Conclusion::worst(results.iter().map(Self::seen));
        let message = results
            .iter()
            .find(|result| result.seen() == conclusion && result.message.is_some())
            .and_then(|result| result.message.clone());
        let mut outputs = BTreeMap::new();
        for (name, value) in results.into_iter().flat_map(|result| result.outputs) {
            if !value.is_empty() || !outputs.contains_key(&name) {
                outputs.insert(name, value);
            }
        }
        Self {
            conclusion,
            tolerated: false,
            outputs,
            message,
        }
    }

    pub(crate) fn without_work(conclusion: Conclusion, message: Option<String>) -> Self {
        Self {
            conclusion,
            tolerated: false,
            outputs: BTreeMap::new(),
            message,
        }
    }
}

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

/// Refuses actions that do not exist, opens the sandbox, evaluates the job's environment.
async fn prepare(assignment: Assignment, contexts: Contexts) -> Result<(JobScope, State), String> {
    let Assignment {
        run,
        job,
        instance,
        cancel,
        ..
    } = assignment;
    check_actions(&run, &job)?;
    let slug = slug(&instance.id);
    let host = run.request.directory.join(&slug);
    let directories = Directories::make(host.clone(), &run.request.repository)
        .and_then(|made| {
            let event = serde_json::to_vec_pretty(&run.request.payload)?;
            std::fs::write(made.temp().join("event.json"), event)?;
            Ok(made)
        })
        .map_err(|error| format!("cannot make {}: {error}", host.display()))?;
    let request = SandboxRequest {
        name: format!("{}-{slug}", run.request.name),
        directory: host,
    };
    let sandbox = run
        .ports
        .executor
        .open(request)
        .await
        .map_err(|error| chain(&error))?;
    let directories = directories.seen_at(sandbox.directory());
    let scope = JobScope {
        run,
        job,
        instance,
        directories,
        sandbox,
        cancel,
    };
    match state(&scope, contexts) {
        Ok(state) => Ok((scope, state)),
        Err(message) => {
            scope.sandbox.close().await;
            Err(message)
        }
    }
}

/// An action that does not exist fails the job before its first step, as at GitHub.
fn check_actions(run: &RunScope, job: &Job) -> Result<(), String> {
    let unknown: Vec<String> = job
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Uses { action, at, .. } if !action::exists(action) => {
                let path = &run.request.workflow.path;
                Some(format!("{path}:{at}: {}", action::unknown(action)))
            }
            _ => None,
        })
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{}", unknown.join("\n"), action::advice()))
    }
}

fn state(scope: &JobScope, contexts: Contexts) -> Result<State, String> {
    let mut state = State {
        contexts,
        environment: environment::defaults(scope),
        visible: BTreeMap::new(),
        steps: Map::new(),
        status: Status::Success,
        deadline: Instant::now(),
        cancel: scope.cancel.clone(),
        defaults: vec![
            scope.job.defaults.clone(),
            scope.run.request.workflow.defaults.clone(),
        ],
        posts: Vec::new(),
        scripts: 0,
    };
    let limit = match &scope.job.timeout_minutes {
        Some(template) => {
            let contexts = state.contexts(scope, &state.visible);
            let values = Scope {
                contexts: &contexts,
                status: Status::Success,
                files: None,
            };
            step::minutes(scope, template, &values)?
        }
        None => LIMIT,
    };
    state.deadline += limit.min(LIMIT * 20);
    for (name, template) in scope.run.request.workflow.env.iter().chain(&scope.job.env) {
        let contexts = state.contexts(scope, &state.visible);
        let values = Scope {
            contexts: &contexts,
            status: Status::Success,
            files: None,
        };
        let value = template
            .text(&values)
            .map_err(|error| step::located(scope, template, &error))?;
        state.environment.insert(name.clone(), value.clone());
        state.visible.insert(name.clone(), value);
    }
    Ok(state)
}

/// A directory's name for a job.
fn slug(id: &str) -> String {
    let slug: String = id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    slug.trim_matches(['-', '.']).to_owned()
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
    posts(scope, &mut state).await;
    let conclusion = match state.status {
        Status::Success | Status::Skipped => Conclusion::Success,
        Status::Failure => Conclusion::Failure,
        Status::Cancelled => Conclusion::Cancelled,
    };
    let outputs = outputs(scope, &state);
    JobResult {
        conclusion,
        tolerated: tolerated(scope, &state),
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
                .map_or(step.at, |condition| condition.position());
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

/// What actions left for the end of the job, the last one first.
async fn posts(scope: &JobScope, state: &mut State) {
    while let Some(post) = state.posts.pop() {
        if state.status != Status::Success && !post.action.posts_after_failure() {
            continue;
        }
        let name = format!("Post {}", post.action.name());
        let number = scope.job.steps.len() + 1;
        let mut session = Session::new(scope.run.sink(&scope.instance.id), number, &name);
        session.outputs = post.outputs;
        let mut call = Call {
            inputs: post.inputs,
            scope,
            environment: state.environment.clone(),
            session: &mut session,
        };
        if let Err(error) = post.action.post(&mut call).await {
            let text = chain(&error);
            session.warn(&text);
        }
    }
}

fn outputs(scope: &JobScope, state: &State) -> BTreeMap<String, String> {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    let session = Session::new(scope.run.sink(&scope.instance.id), 0, "Outputs");
    let mut outputs = BTreeMap::new();
    for (name, template) in &scope.job.outputs {
        match template.value(&values) {
            Ok(value) => {
                let value = text(&value);
                if scope.run.masks.apply(&value) == value {
                    outputs.insert(name.clone(), value);
                } else {
                    session.warn(&format!(
                        "output `{name}` is not passed on: it holds a secret"
                    ));
                }
            }
            Err(error) => session.warn(&step::located(scope, template, &error)),
        }
    }
    outputs
}

fn tolerated(scope: &JobScope, state: &State) -> bool {
    let contexts = state.contexts(scope, &state.visible);
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: None,
    };
    let template = scope.job.continue_on_error.as_ref();
    template
        .and_then(|t| t.value(&values).ok())
        .is_some_and(|value| step::is_true(&value))
}

/// The `needs` context of a job.
pub(crate) fn needs(results: &[(String, Value)]) -> Value {
    json!(results.iter().cloned().collect::<Map<String, Value>>())
}
