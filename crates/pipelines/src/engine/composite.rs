//! Composite actions of the repository itself: steps within a step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::context::JobScope;
use super::environment::Environment;
use super::outcome::Conclusion;
use super::script::Ended;
use super::session::Session;
use super::state::{State, Workspace, located};
use super::step;
use crate::expression::{Scope, Status};
use crate::workflow::CompositeAction;

/// How deep actions may use actions.
const DEPTH: u64 = 10;

/// A call of a local action.
pub(crate) struct Invocation<'a> {
    /// `./path` as written.
    pub(crate) path: &'a str,
    /// `with`.
    pub(crate) inputs: BTreeMap<String, String>,
    /// The calling step's environment.
    pub(crate) environment: Environment,
}

/// Runs a local action's steps; their outputs and status stay within it.
pub(crate) async fn run(
    scope: &JobScope,
    state: &mut State,
    call: Invocation<'_>,
    session: &mut Session,
    timeout: Duration,
) -> Ended {
    let action = match load(scope, call.path) {
        Ok(action) => action,
        Err(message) => return Ended::failed(message),
    };
    let depth = state
        .contexts
        .get("depth")
        .and_then(Value::as_u64)
        .unwrap_or(0)
        + 1;
    if depth > DEPTH {
        return Ended::failed(format!(
            "{}: actions use each other more than {DEPTH} deep",
            call.path
        ));
    }
    let inputs = match inputs(scope, state, &action, call.inputs, session) {
        Ok(inputs) => inputs,
        Err(message) => return Ended::failed(message),
    };
    // The outer step's view is put aside and restored, whatever the inner steps do.
    let outer_contexts = state.contexts.clone();
    let outer_steps = std::mem::take(&mut state.steps);
    let outer = (
        state.status,
        state.deadline,
        std::mem::replace(&mut state.environment, call.environment),
    );
    state.deadline = Instant::now()
        .checked_add(timeout)
        .map_or(outer.1, |end| end.min(outer.1));
    state.contexts.insert("inputs", inputs);
    state.contexts.insert("depth", json!(depth));
    if let Some(Value::Object(github)) = state.contexts.get_mut("github") {
        let path = scope.directories.working_directory(call.path);
        github.insert("action_path".to_owned(), json!(path));
    }
    let ended = steps(scope, state, &action, session).await;
    outputs(scope, state, &action, session);
    state.contexts = outer_contexts;
    state.steps = outer_steps;
    (state.status, state.deadline, state.environment) = outer;
    ended
}

async fn steps(
    scope: &JobScope,
    state: &mut State,
    action: &CompositeAction,
    session: &mut Session,
) -> Ended {
    let mut ended = Ended::Well;
    for inner in &action.steps {
        match step::condition(scope, state, inner) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => return Ended::failed(error.to_string()),
        }
        let mut own = session.nested(&step::name(scope, state, inner));
        let result = step::run(scope, state, inner, &mut own).await;
        session.absorb(own);
        match result.conclusion {
            Conclusion::Success | Conclusion::Skipped => {}
            Conclusion::Cancelled => {
                state.status = Status::Cancelled;
                ended = Ended::Cancelled;
            }
            Conclusion::Failure => {
                state.status = Status::Failure;
                let message = result.message.unwrap_or_default();
                ended = Ended::Badly(
                    result.exit_code,
                    format!("`{}`: {message}", step::title(inner)),
                );
            }
        }
    }
    ended
}

fn load(scope: &JobScope, path: &str) -> Result<CompositeAction, String> {
    let directory = scope.directories.resolve(path)?;
    for name in ["action.yml", "action.yaml"] {
        if let Ok(text) = std::fs::read_to_string(directory.join(name)) {
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            return CompositeAction::parse(&path, &text).map_err(|error| error.to_string());
        }
    }
    Err(format!(
        "there is no action at `{path}`: neither action.yml nor action.yaml is there; check out the repository first (actions/checkout)"
    ))
}

fn inputs(
    scope: &JobScope,
    state: &State,
    action: &CompositeAction,
    mut given: BTreeMap<String, String>,
    session: &Session,
) -> Result<Value, String> {
    let contexts = state.contexts(scope, &state.visible);
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: None,
    };
    let mut all = serde_json::Map::new();
    for input in &action.inputs {
        let value = match (given.remove(&input.name), &input.default) {
            (Some(value), _) => value,
            (None, Some(default)) => default
                .text(&values)
                .map_err(|error| located(scope, default, &error))?,
            (None, None) if input.required => {
                return Err(format!(
                    "the action needs the input `{}`: give it in `with`",
                    input.name
                ));
            }
            (None, None) => String::new(),
        };
        all.insert(input.name.clone(), value.into());
    }
    for name in given.keys() {
        session.warn(&format!("the action has no input `{name}`"));
    }
    Ok(Value::Object(all))
}

fn outputs(scope: &JobScope, state: &State, action: &CompositeAction, session: &mut Session) {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    for (name, template) in &action.outputs {
        match template.text(&values) {
            Ok(value) => session.output(name, value),
            Err(error) => session.warn(&format!("output `{name}` cannot be evaluated: {error}")),
        }
    }
}
