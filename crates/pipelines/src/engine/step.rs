//! One step: its condition, its environment, its work, and what it leaves to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::composite;
use super::context::{self, Contexts, JobScope};
use super::environment::{Environment, prepend};
use super::outcome::Conclusion;
use super::script::{self, Ended, Script};
use super::session::Session;
use crate::action::{self, Call};
use crate::expression::{self, Files, Scope, Status, Template, truthy};
use crate::port::chain;
use crate::workflow::{ActionReference, RunDefaults, Step, Work};

/// What a job's steps share and change.
pub(crate) struct State {
    /// The contexts that stay the same through the job.
    pub(crate) contexts: Contexts,
    /// The environment: the sandbox's, GitHub's, the workflow's, the job's, and `$GITHUB_ENV`.
    pub(crate) environment: Environment,
    /// The part of it that the `env` context shows.
    pub(crate) visible: BTreeMap<String, String>,
    /// The `steps` context.
    pub(crate) steps: Map<String, Value>,
    /// How the job stands.
    pub(crate) status: Status,
    /// When the job's time is over.
    pub(crate) deadline: Instant,
    /// Asks the present step to stop.
    pub(crate) cancel: CancellationToken,
    /// `defaults.run`, the job's before the workflow's.
    pub(crate) defaults: Vec<RunDefaults>,
    /// Actions that have something to do at the end of the job, in the order in which they ran.
    pub(crate) posts: Vec<action::Post>,
    /// Counts scripts, so that their files differ.
    pub(crate) scripts: usize,
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Result {
    /// Before `continue-on-error`.
    pub(crate) outcome: Conclusion,
    /// After it.
    pub(crate) conclusion: Conclusion,
    pub(crate) exit_code: Option<i32>,
    /// Why it failed.
    pub(crate) message: Option<String>,
    /// Its last lines, or its errors.
    pub(crate) last_words: String,
}

/// Hashes files of the workspace.
pub(crate) struct Workspace(pub(crate) PathBuf);

impl Files for Workspace {
    fn hash(&self, patterns: &[String]) -> std::result::Result<String, String> {
        crate::hash::files(&self.0, patterns)
            .map_err(|error| format!("cannot read {}: {error}", self.0.display()))
    }
}

impl State {
    /// The contexts as they stand, with `env` as given.
    pub(crate) fn contexts(&self, scope: &JobScope, env: &BTreeMap<String, String>) -> Contexts {
        let mut contexts = self.contexts.clone();
        let status = match self.status {
            Status::Success | Status::Skipped => "success",
            Status::Failure => "failure",
            Status::Cancelled => "cancelled",
        };
        context::complete(&mut contexts, scope, status);
        contexts.insert("env", json!(env));
        contexts.insert("steps", Value::Object(self.steps.clone()));
        contexts
    }

    /// Keeps what a step set for those after it.
    fn take(&mut self, session: &Session) {
        for (name, value) in &session.exports {
            self.environment.insert(name.clone(), value.clone());
            self.visible.insert(name.clone(), value.clone());
        }
        prepend(&mut self.environment, &session.paths);
    }

    fn default(&self, choose: impl Fn(&RunDefaults) -> Option<&Template>) -> Option<&Template> {
        self.defaults.iter().find_map(choose)
    }
}

/// The name of a step for people.
pub(crate) fn title(step: &Step) -> String {
    if let Some(name) = &step.name {
        return name.source().to_owned();
    }
    match &step.work {
        Work::Run { script, .. } => {
            format!(
                "Run {}",
                script.source().lines().next().unwrap_or_default().trim()
            )
        }
        Work::Uses { action, .. } => format!("Run {action}"),
    }
}

/// A step with its expressions evaluated.
struct Prepared {
    environment: Environment,
    contexts: Contexts,
    timeout: Duration,
    continue_on_error: bool,
}

/// Whether the step is to run at all.
pub(crate) fn condition(
    scope: &JobScope,
    state: &State,
    step: &Step,
) -> std::result::Result<bool, expression::Error> {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let scope = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    match &step.condition {
        Some(condition) => condition.holds(&scope),
        None => Ok(state.status == Status::Success),
    }
}

/// The step's name with its expressions evaluated; as written where that fails.
pub(crate) fn name(scope: &JobScope, state: &State, step: &Step) -> String {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    let name = step.name.as_ref().and_then(|name| name.text(&values).ok());
    scope.run.masks.apply(&name.unwrap_or_else(|| title(step)))
}

/// Runs a step whose condition holds, and keeps what it sets.
pub(crate) async fn run(
    scope: &JobScope,
    state: &mut State,
    step: &Step,
    session: &mut Session,
) -> Result {
    let (ended, continue_on_error) = match prepare(scope, state, step) {
        Ok(prepared) => {
            let tolerant = prepared.continue_on_error;
            (work(scope, state, step, session, prepared).await, tolerant)
        }
        Err(message) => (Ended::failed(message), false),
    };
    state.take(session);
    let result = conclude(ended, continue_on_error, session);
    if let Some(id) = &step.id {
        let outputs = std::mem::take(&mut session.outputs);
        state.steps.insert(
            id.clone(),
            record(&outputs, result.outcome, result.conclusion),
        );
    }
    result
}

/// A step's entry in the `steps` context.
pub(crate) fn record(
    outputs: &BTreeMap<String, String>,
    outcome: Conclusion,
    conclusion: Conclusion,
) -> Value {
    json!({ "outputs": outputs, "outcome": outcome.as_str(), "conclusion": conclusion.as_str() })
}

fn conclude(ended: Ended, continue_on_error: bool, session: &mut Session) -> Result {
    let (outcome, exit_code, message) = match ended {
        Ended::Well => (Conclusion::Success, None, None),
        Ended::Badly(code, message) => (Conclusion::Failure, code, Some(message)),
        Ended::TimedOut => (
            Conclusion::Failure,
            None,
            Some("its time limit passed".to_owned()),
        ),
        Ended::Cancelled => (Conclusion::Cancelled, None, Some("cancelled".to_owned())),
    };
    let last_words = session.last_words();
    let message = message.map(|message| session.sink().masks.apply(&message));
    if let Some(message) = &message {
        let code = exit_code.map_or_else(
            || message.clone(),
            |code| format!("failed with exit code {code}"),
        );
        session.error(&code);
    }
    let forgiven = outcome == Conclusion::Failure && continue_on_error;
    let conclusion = if forgiven {
        Conclusion::Success
    } else {
        outcome
    };
    Result {
        outcome,
        conclusion,
        exit_code,
        message,
        last_words,
    }
}

fn prepare(scope: &JobScope, state: &State, step: &Step) -> std::result::Result<Prepared, String> {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    let mut environment = state.environment.clone();
    let mut visible = state.visible.clone();
    for (name, template) in &step.env {
        let value = template
            .text(&values)
            .map_err(|error| located(scope, template, &error))?;
        environment.insert(name.clone(), value.clone());
        visible.insert(name.clone(), value);
    }
    let contexts = state.contexts(scope, &visible);
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    let timeout = match &step.timeout_minutes {
        Some(template) => minutes(scope, template, &values)?,
        None => Duration::MAX,
    };
    let left = state.deadline.saturating_duration_since(Instant::now());
    let continue_on_error = match &step.continue_on_error {
        Some(template) => {
            let value = template.value(&values);
            is_true(&value.map_err(|error| located(scope, template, &error))?)
        }
        None => false,
    };
    let timeout = timeout.min(left);
    Ok(Prepared {
        environment,
        contexts,
        timeout,
        continue_on_error,
    })
}

/// Whether a value that should be a boolean is true; the text `false` is not.
pub(crate) fn is_true(value: &Value) -> bool {
    value
        .as_str()
        .map_or_else(|| truthy(value), |text| text.eq_ignore_ascii_case("true"))
}

/// A number of minutes, which may have a fraction.
pub(crate) fn minutes(
    scope: &JobScope,
    template: &Template,
    values: &Scope<'_>,
) -> std::result::Result<Duration, String> {
    let text = template
        .text(values)
        .map_err(|error| located(scope, template, &error))?;
    let minutes: Option<f64> = text.trim().parse().ok();
    minutes
        .and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            let path = &scope.run.request.workflow.path;
            let at = template.position();
            format!("{path}:{at}: `timeout-minutes` must be a number above 0, not `{text}`")
        })
}

/// An expression's error with the place of its template.
pub(crate) fn located(scope: &JobScope, template: &Template, error: &expression::Error) -> String {
    format!(
        "{}:{}: {error}",
        scope.run.request.workflow.path,
        template.position()
    )
}

async fn work(
    scope: &JobScope,
    state: &mut State,
    step: &Step,
    session: &mut Session,
    prepared: Prepared,
) -> Ended {
    match &step.work {
        Work::Run {
            script,
            shell,
            working_directory,
        } => {
            let shell = shell
                .as_ref()
                .or_else(|| state.default(|d| d.shell.as_ref()));
            let directory = working_directory
                .as_ref()
                .or_else(|| state.default(|d| d.working_directory.as_ref()));
            let files = Workspace(scope.directories.workspace());
            let values = Scope {
                contexts: &prepared.contexts,
                status: state.status,
                files: Some(&files),
            };
            let text = |template: Option<&Template>| {
                template
                    .map(|t| t.text(&values).map_err(|error| located(scope, t, &error)))
                    .transpose()
            };
            let script = text(Some(script)).and_then(|body| {
                Ok(Script {
                    text: body.unwrap_or_default(),
                    shell: text(shell)?,
                    directory: text(directory)?.unwrap_or_default(),
                    environment: prepared.environment.clone(),
                    timeout: prepared.timeout,
                    cancel: state.cancel.clone(),
                })
            });
            state.scripts += 1;
            match script {
                Ok(script) => script::run(scope, session, state.scripts, script).await,
                Err(message) => Ended::failed(message),
            }
        }
        Work::Uses { action, with, .. } => {
            let files = Workspace(scope.directories.workspace());
            let values = Scope {
                contexts: &prepared.contexts,
                status: state.status,
                files: Some(&files),
            };
            let inputs: std::result::Result<BTreeMap<String, String>, String> = with
                .iter()
                .map(|(name, template)| {
                    let value = template.text(&values);
                    Ok((
                        name.clone(),
                        value.map_err(|error| located(scope, template, &error))?,
                    ))
                })
                .collect();
            match inputs {
                Ok(inputs) => uses(scope, state, action, inputs, session, prepared).await,
                Err(message) => Ended::failed(message),
            }
        }
    }
}

async fn uses(
    scope: &JobScope,
    state: &mut State,
    reference: &ActionReference,
    inputs: BTreeMap<String, String>,
    session: &mut Session,
    prepared: Prepared,
) -> Ended {
    let (timeout, cancel) = (prepared.timeout, state.cancel.clone());
    if let ActionReference::Local(path) = reference {
        // Boxed: the steps of a composite action run through this very function. They mind the
        // deadline and the request to stop themselves.
        let call = composite::Invocation {
            path,
            inputs,
            environment: prepared.environment,
        };
        return Box::pin(composite::run(scope, state, call, session, timeout)).await;
    }
    let Some(found) = action::find(reference) else {
        return Ended::failed(format!(
            "{}. {}",
            action::unknown(reference),
            action::advice()
        ));
    };
    let inputs = match action::accept(found, inputs, session) {
        Ok(inputs) => inputs,
        Err(message) => return Ended::failed(message),
    };
    let mut call = Call {
        inputs: inputs.clone(),
        scope,
        environment: prepared.environment,
        session,
    };
    let ended = limited(timeout, &cancel, async {
        match found.run(&mut call).await {
            Ok(()) => Ended::Well,
            Err(error) => Ended::failed(chain(&error)),
        }
    })
    .await;
    if found.has_post() && matches!(ended, Ended::Well) {
        let outputs = session.outputs.clone();
        state.posts.push(action::Post {
            action: found,
            inputs,
            outputs,
        });
    }
    ended
}

/// Work with a time limit that can be stopped.
async fn limited(
    timeout: Duration,
    cancel: &CancellationToken,
    work: impl Future<Output = Ended>,
) -> Ended {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ended::Cancelled,
        ended = work => ended,
        () = tokio::time::sleep(timeout) => Ended::TimedOut,
    }
}
