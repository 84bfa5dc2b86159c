//! What expressions see.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Request;
use super::directories::Directories;
use super::masks::Masks;
use super::matrix::Combination;
use super::progress::Progress;
use super::session::Sink;
use crate::port::{Ports, Sandbox, Settings};
use crate::workflow::Job;

/// Contexts by name.
pub(crate) type Contexts = BTreeMap<&'static str, Value>;

/// What is the same for all of a run's jobs.
pub(crate) struct RunScope {
    pub(crate) ports: Ports,
    pub(crate) request: Request,
    pub(crate) settings: Settings,
    /// The run's token (`github.token`, `secrets.GITHUB_TOKEN`).
    pub(crate) token: String,
    pub(crate) masks: Masks,
    pub(crate) progress: Progress,
    pub(crate) cancel: CancellationToken,
}

/// One job of a matrix, or the only one.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// The job's key with its matrix values.
    pub(crate) id: String,
    pub(crate) combination: Combination,
    /// Its number in the matrix, from 0.
    pub(crate) index: usize,
    /// How many there are.
    pub(crate) total: usize,
}

/// What is the same for all of a job's steps.
pub(crate) struct JobScope {
    pub(crate) run: Arc<RunScope>,
    pub(crate) job: Arc<Job>,
    pub(crate) instance: Instance,
    pub(crate) directories: Directories,
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) cancel: CancellationToken,
}

impl RunScope {
    /// Where a job's lines go.
    pub(crate) fn sink(&self, job: &str) -> Sink {
        Sink {
            logs: self.ports.logs.clone(),
            clock: self.ports.clock.clone(),
            masks: self.masks.clone(),
            run: self.request.name.clone(),
            job: job.to_owned(),
        }
    }

    /// The contexts before any job: `github`, `vars`, `secrets`, `inputs`.
    pub(crate) fn contexts(&self) -> Contexts {
        let mut secrets: Map<String, Value> = self
            .settings
            .secrets
            .iter()
            .map(|(k, v)| (k.clone(), json!(v)))
            .collect();
        secrets.insert("GITHUB_TOKEN".to_owned(), json!(self.token));
        Contexts::from([
            ("github", github(self)),
            ("vars", json!(self.settings.variables)),
            ("secrets", Value::Object(secrets)),
            ("inputs", inputs(&self.request)),
        ])
    }

    /// The contexts of a job that is about to be planned.
    pub(crate) fn job_contexts(&self, needs: &Value) -> Contexts {
        let mut contexts = self.contexts();
        contexts.insert("needs", needs.clone());
        contexts
    }

    /// The contexts of one job of a matrix.
    pub(crate) fn instance_contexts(
        &self,
        needs: &Value,
        instance: &Instance,
        strategy: (bool, Option<usize>),
    ) -> Contexts {
        let mut contexts = self.job_contexts(needs);
        let (fail_fast, max_parallel) = strategy;
        contexts.insert("matrix", instance.combination.context());
        contexts.insert(
            "strategy",
            json!({
                "fail-fast": fail_fast,
                "job-index": instance.index,
                "job-total": instance.total,
                "max-parallel": max_parallel.unwrap_or(instance.total),
            }),
        );
        contexts
    }
}

/// The inputs of a run that was asked for by hand: their defaults.
fn inputs(request: &Request) -> Value {
    let triggers = request.workflow.on.events.iter();
    let pairs = triggers
        .filter(|trigger| trigger.event == request.event)
        .flat_map(|trigger| &trigger.inputs)
        .map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect())
}

/// The repository's name as GitHub writes it.
pub(crate) fn full_name(request: &Request) -> String {
    format!("{}/{}", request.owner, request.repository)
}

/// `main` for `refs/heads/main`, `v1` for `refs/tags/v1`.
pub(crate) fn short_name(reference: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/pull/"]
        .iter()
        .find_map(|prefix| reference.strip_prefix(prefix))
        .unwrap_or(reference)
}

/// `branch` or `tag`.
pub(crate) fn reference_type(reference: &str) -> &'static str {
    if reference.starts_with("refs/tags/") {
        "tag"
    } else {
        "branch"
    }
}

fn github(run: &RunScope) -> Value {
    let request = &run.request;
    let server = run.ports.source.server_url();
    let name = full_name(request);
    json!({
        "actor": request.actor,
        "triggering_actor": request.actor,
        "api_url": format!("{server}/api"),
        "base_ref": "",
        "event": request.payload,
        "event_name": request.event,
        "head_ref": "",
        "ref": request.reference,
        "ref_name": short_name(&request.reference),
        "ref_protected": false,
        "ref_type": reference_type(&request.reference),
        "repository": name,
        "repositoryUrl": format!("{server}/{name}.git"),
        "repository_owner": request.owner,
        "retention_days": "0",
        "run_attempt": "1",
        "run_id": request.id.to_string(),
        "run_number": request.number.to_string(),
        "server_url": server,
        "sha": request.commit,
        "token": run.token,
        "workflow": request.workflow.title(),
        "workflow_ref": format!("{name}/{}@{}", request.workflow.path, request.reference),
        "workflow_sha": request.commit,
    })
}

/// Completes `github` with what only a running job knows, and adds `runner` and `job`.
pub(crate) fn complete(contexts: &mut Contexts, scope: &JobScope, status: &str) {
    let directories = &scope.directories;
    if let Some(Value::Object(github)) = contexts.get_mut("github") {
        github.insert("job".to_owned(), json!(scope.job.id));
        github.insert(
            "workspace".to_owned(),
            json!(directories.workspace_inside()),
        );
        github.insert(
            "event_path".to_owned(),
            json!(directories.inside("temp/event.json")),
        );
    }
    contexts.insert(
        "runner",
        json!({
            "name": "seatrial",
            "os": "Linux",
            "arch": architecture(),
            "temp": directories.inside("temp"),
            "tool_cache": directories.inside("tools"),
            "environment": "self-hosted",
            "debug": "",
        }),
    );
    contexts.insert("job", json!({ "status": status }));
}

/// The machine's architecture in GitHub's words.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "X64",
        "aarch64" => "ARM64",
        "x86" => "X86",
        "arm" => "ARM",
        other => other,
    }
}
