//! One step: its condition, its name, its work, and what it leaves to the next.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::context::JobScope;
use super::outcome::Conclusion;
use super::script::Ended;
use super::session::Session;
use super::state::{State, Workspace};
use super::work;
use crate::expression::{self, Scope, Status};
use crate::workflow::{Step, Work};

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
    let (ended, continue_on_error) = match work::prepare(scope, state, step) {
        Ok(prepared) => {
            let tolerant = prepared.continue_on_error;
            (
                work::work(scope, state, step, session, prepared).await,
                tolerant,
            )
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
