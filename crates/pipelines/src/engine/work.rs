//! A step's work: a script or an action, with its expressions evaluated.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::composite;
use super::context::{Contexts, JobScope};
use super::environment::Environment;
use super::script::{self, Ended, Script};
use super::session::Session;
use super::state::{State, Workspace, is_true, located, minutes};
use crate::action::{self, Call};
use crate::expression::{Scope, Template};
use crate::port::chain;
use crate::workflow::{ActionReference, Pairs, Step, Work};

/// A step with its expressions evaluated.
pub(super) struct Prepared {
    environment: Environment,
    contexts: Contexts,
    timeout: Duration,
    pub(super) continue_on_error: bool,
}

/// Evaluates a step's environment, time limit and tolerance.
pub(super) fn prepare(scope: &JobScope, state: &State, step: &Step) -> Result<Prepared, String> {
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

/// Does a step's work.
pub(super) async fn work(
    scope: &JobScope,
    state: &mut State,
    step: &Step,
    session: &mut Session,
    prepared: Prepared,
) -> Ended {
    match &step.work {
        Work::Run { .. } => {
            state.scripts += 1;
            match script(scope, state, &step.work, prepared) {
                Ok(script) => script::run(scope, session, state.scripts, script).await,
                Err(message) => Ended::failed(message),
            }
        }
        Work::Uses { action, with, .. } => match inputs(scope, state, with, &prepared) {
            Ok(inputs) => uses(scope, state, action, inputs, session, prepared).await,
            Err(message) => Ended::failed(message),
        },
    }
}

/// A `run` step's script; what the step leaves open comes from `defaults.run`.
fn script(
    scope: &JobScope,
    state: &State,
    work: &Work,
    prepared: Prepared,
) -> Result<Script, String> {
    let Work::Run {
        script,
        shell,
        working_directory,
    } = work
    else {
        return Err("the step has no script".to_owned());
    };
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
    let text = |template: &Template| {
        template
            .text(&values)
            .map_err(|error| located(scope, template, &error))
    };
    Ok(Script {
        text: text(script)?,
        shell: shell.map(text).transpose()?,
        directory: directory.map(text).transpose()?.unwrap_or_default(),
        environment: prepared.environment,
        timeout: prepared.timeout,
        cancel: state.cancel.clone(),
    })
}

/// An action's inputs as the step gives them.
fn inputs(
    scope: &JobScope,
    state: &State,
    with: &Pairs,
    prepared: &Prepared,
) -> Result<BTreeMap<String, String>, String> {
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &prepared.contexts,
        status: state.status,
        files: Some(&files),
    };
    with.iter()
        .map(|(name, template)| {
            let value = template.text(&values);
            Ok((
                name.clone(),
                value.map_err(|error| located(scope, template, &error))?,
            ))
        })
        .collect()
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
