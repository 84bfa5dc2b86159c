//! What a job's steps share and change, and how expressions see it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::{self, Contexts, JobScope};
use super::environment::{Environment, prepend};
use super::session::Session;
use crate::action;
use crate::expression::{self, Files, Scope, Status, Template, truthy};
use crate::workflow::RunDefaults;

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
    pub(crate) fn take(&mut self, session: &Session) {
        for (name, value) in &session.exports {
            self.environment.insert(name.clone(), value.clone());
            self.visible.insert(name.clone(), value.clone());
        }
        prepend(&mut self.environment, &session.paths);
    }

    pub(crate) fn default(
        &self,
        choose: impl Fn(&RunDefaults) -> Option<&Template>,
    ) -> Option<&Template> {
        self.defaults.iter().find_map(choose)
    }
}

/// Hashes files of the workspace.
pub(crate) struct Workspace(pub(crate) PathBuf);

impl Files for Workspace {
    fn hash(&self, patterns: &[String]) -> Result<String, String> {
        crate::hash::files(&self.0, patterns)
            .map_err(|error| format!("cannot read {}: {error}", self.0.display()))
    }
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
) -> Result<Duration, String> {
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
