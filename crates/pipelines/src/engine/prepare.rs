//! What happens before a job's first step: its actions are looked up, its sandbox is opened, its
//! environment is evaluated.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Map;
use tokio::time::Instant;

use super::context::{Contexts, JobScope, RunScope};
use super::directories::Directories;
use super::environment;
use super::job::Assignment;
use super::session::Session;
use super::state::{self, State};
use crate::action;
use crate::expression::{Scope, Status, Template};
use crate::port::{Kind, SandboxRequest, chain};
use crate::workflow::{Job, Work};

/// How long a job may take where it does not say (GitHub's default).
const LIMIT: Duration = Duration::from_hours(6);

/// Refuses actions that do not exist, opens the sandbox, evaluates the job's environment.
pub(super) async fn prepare(
    assignment: Assignment,
    contexts: Contexts,
) -> Result<(JobScope, State), String> {
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
    match state(&scope, contexts).and_then(|state| announce(&scope, &state).map(|()| state)) {
        Ok(state) => Ok((scope, state)),
        Err(message) => {
            scope.sandbox.close().await;
            Err(message)
        }
    }
}

/// Systems that this machine is not, as `runs-on` begins with them.
const FOREIGN: [&str; 2] = ["windows", "macos"];

/// Says where the job runs, whatever `runs-on` asks for.
fn announce(scope: &JobScope, state: &State) -> Result<(), String> {
    let contexts = state.contexts(scope, &state.visible);
    let values = Scope {
        contexts: &contexts,
        status: Status::Success,
        files: None,
    };
    let text = |template: &Template| {
        template
            .text(&values)
            .map_err(|error| state::located(scope, template, &error))
    };
    let wanted = scope
        .job
        .runs_on
        .iter()
        .map(text)
        .collect::<Result<Vec<_>, _>>()?
        .join(", ");
    let environment = scope.job.environment.as_ref().map(text).transpose()?;
    let session = Session::new(scope.run.sink(&scope.instance.id), 0, "Set up job");
    let place = environment.map_or_else(String::new, |name| format!(", environment {name}"));
    session.write(
        Kind::Notice,
        &format!("runs on this machine (runs-on: {wanted}){place}"),
    );
    if FOREIGN
        .iter()
        .any(|system| wanted.to_lowercase().starts_with(system))
    {
        session.warn(&format!(
            "`runs-on: {wanted}`: this machine runs Linux; going on with that"
        ));
    }
    Ok(())
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
            state::minutes(scope, template, &values)?
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
            .map_err(|error| state::located(scope, template, &error))?;
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
