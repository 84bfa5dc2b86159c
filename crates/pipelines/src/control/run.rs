//! A run is run, in a task of its own; its status follows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use seatrial_controller::{
    Class, Classify, Context, Notice, ObjectKey, Outcome, Reconciler, key_of,
};
use seatrial_resources::seatrial_dev::{
    PipelineRun, PipelineRunSpec, PipelineRunStatus, Push, Repository, RunPhase,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::payload::payload;
use super::status::{conclusion, ended, notice, with_condition};
use super::{Configuration, name};
use crate::engine::{Engine, Request};
use crate::port::{self, Ports};
use crate::workflow::Workflow;

/// How often a running run's status is looked at, and so the most often it is written.
const INTERVAL: Duration = Duration::from_millis(200);

/// How soon after its start a run is looked at first.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// Why a run cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workflow files of the commit could not be read.
    #[error("cannot read {path} of {repository} at {commit}")]
    ReadWorkflow {
        /// The file.
        path: String,
        /// The repository.
        repository: String,
        /// The commit.
        commit: String,
        /// Why.
        #[source]
        source: port::Error,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "PipelineNotReadable"
    }
}

/// The controller of runs.
pub(super) struct Runs {
    engine: Engine,
    configuration: Arc<Configuration>,
    active: Mutex<BTreeMap<ObjectKey, Active>>,
}

/// A run that this process is running.
struct Active {
    uid: Option<String>,
    status: watch::Receiver<PipelineRunStatus>,
    cancel: CancellationToken,
    /// When its status was last written.
    written: Timestamp,
    /// Ends the task when the controller is dropped.
    task: AbortOnDropHandle<()>,
}

impl Runs {
    pub(super) fn new(engine: Engine, configuration: Arc<Configuration>) -> Self {
        Self {
            engine,
            configuration,
            active: Mutex::default(),
        }
    }

    fn active(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reconciler for Runs {
    const NAME: &'static str = "pipeline-run-controller";
    type Object = PipelineRun;
    type Error = Error;

    async fn reconcile(&self, run: Arc<PipelineRun>, ctx: &Context) -> Result<Outcome, Error> {
        let phase = run
            .status
            .as_ref()
            .map_or(RunPhase::Pending, |status| status.phase);
        if phase.is_final() {
            self.active().remove(&key_of(&*run));
            return Ok(Outcome::settled());
        }
        if let Some(outcome) = self.follow(&run, ctx.clock.now()) {
            return Ok(outcome);
        }
        match phase {
            RunPhase::Running => Ok(self.interrupted(&run, ctx.clock.now())),
            _ if run.spec.cancel => Ok(end(
                &run,
                RunPhase::Cancelled,
                "cancelled before it started",
                ctx.clock.now(),
            )),
            _ => self.start(&run, ctx).await,
        }
    }

    async fn gone(&self, key: &ObjectKey, _: &Context) {
        let active = self.active().remove(key);
        let (ports, name) = (self.engine.ports().clone(), key.name.clone());
        let Some(Active {
            mut status,
            cancel,
            task,
            ..
        }) = active
        else {
            forget(&ports, &name);
            return;
        };
        // Its steps that always run still run; nobody will read the status.
        cancel.cancel();
        tokio::spawn(async move {
            let _ = status.wait_for(|status| status.phase.is_final()).await;
            drop(task);
            forget(&ports, &name);
        });
    }
}

/// Removes a deleted run's log and artifacts.
fn forget(ports: &Ports, run: &str) {
    ports.logs.forget(run);
    if let Err(error) = ports.store.remove_artifacts(run) {
        tracing::warn!(
            run,
            error = port::chain(&error),
            "artifacts of a deleted run stay"
        );
    }
}

impl Runs {
    /// The outcome for a run that this process is running.
    fn follow(&self, run: &PipelineRun, now: Timestamp) -> Option<Outcome> {
        let mut all = self.active();
        let active = all.get_mut(&key_of(run))?;
        if active.uid != run.metadata.uid {
            active.cancel.cancel();
            all.remove(&key_of(run));
            return None;
        }
        if run.spec.cancel {
            active.cancel.cancel();
        }
        let current = active.status.borrow().clone();
        let since = now.duration_since(active.written).unsigned_abs();
        if !current.phase.is_final() && since < INTERVAL && run.status.is_some() {
            return Some(Outcome::waiting(INTERVAL.saturating_sub(since)));
        }
        active.written = now;
        let status = with_condition(current, run.status.as_ref(), now);
        if status.phase.is_final() {
            let notice = notice(&status);
            return Some(Outcome::settled().with_status(&status).with_event(notice));
        }
        Some(Outcome::waiting(INTERVAL).with_status(&status))
    }

    /// Fails a run that an earlier process was running, and clears away what it left.
    fn interrupted(&self, run: &PipelineRun, now: Timestamp) -> Outcome {
        let name = key_of(run).name;
        let directory = self.configuration.directory.join(&*name);
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(directory = %directory.display(), %error, "a run's directory stays");
            }
            _ => {}
        }
        self.engine.ports().logs.finish(&name);
        let why = "interrupted: Seatrial was stopped while the run was under way; push again, or create a new run";
        end(run, RunPhase::Failed, why, now)
    }

    /// Reads the workflow and starts the engine.
    async fn start(&self, run: &PipelineRun, ctx: &Context) -> Result<Outcome, Error> {
        let request = match self.request(run, ctx).await? {
            Ok(request) => request,
            Err(why) => return Ok(end(run, RunPhase::Failed, &why, ctx.clock.now())),
        };
        let title = request.workflow.title().to_owned();
        let first = PipelineRunStatus {
            workflow: title.clone(),
            ..PipelineRunStatus::default()
        };
        let (sender, receiver) = watch::channel(first);
        let cancel = CancellationToken::new();
        let (engine, token) = (self.engine.clone(), cancel.clone());
        let task = tokio::spawn(async move {
            engine.run(request, sender, token).await;
        });
        let active = Active {
            uid: run.metadata.uid.clone(),
            status: receiver,
            cancel,
            written: Timestamp::UNIX_EPOCH,
            task: AbortOnDropHandle::new(task),
        };
        self.active().insert(key_of(run), active);
        let notice = Notice::normal("PipelineStarted", format!("running {title}"));
        Ok(Outcome::waiting(FIRST_LOOK).with_event(notice))
    }

    /// What the engine is to run, or why it cannot be run.
    async fn request(
        &self,
        run: &PipelineRun,
        ctx: &Context,
    ) -> Result<Result<Request, String>, Error> {
        let spec = &run.spec;
        let source = &self.engine.ports().source;
        let files = source
            .workflows(&spec.repository, &spec.commit)
            .await
            .map_err(|source| Error::ReadWorkflow {
                path: spec.workflow_path.clone(),
                repository: spec.repository.clone(),
                commit: spec.commit.clone(),
                source,
            })?;
        let Some(file) = files.iter().find(|file| file.path == spec.workflow_path) else {
            let there: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            let there = if there.is_empty() {
                "none".to_owned()
            } else {
                there.join(", ")
            };
            return Ok(Err(format!(
                "{} does not exist in {} at {}; workflow files there: {there}",
                spec.workflow_path, spec.repository, spec.commit
            )));
        };
        let workflow = match Workflow::parse(&file.path, &file.text) {
            Ok(workflow) => workflow,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let payload = self.payload(run, ctx).await;
        let key = key_of(run);
        Ok(Ok(Request {
            workflow,
            name: key.name.to_string(),
            id: run_id(run),
            number: spec.run_number,
            repository: spec.repository.clone(),
            owner: self.configuration.owner.clone(),
            commit: spec.commit.clone(),
            reference: spec.reference.clone(),
            event: spec.event.clone(),
            actor: actor(spec),
            payload,
            directory: self.configuration.directory.join(&*key.name),
        }))
    }

    async fn payload(&self, run: &PipelineRun, ctx: &Context) -> serde_json::Value {
        let key = key_of(run);
        let push = match run
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(name::PUSH))
        {
            Some(push) => ctx.cache::<Push>().await.find(&key.namespace, push),
            None => None,
        };
        let repositories = ctx.cache::<Repository>().await;
        let repository = repositories.find(&key.namespace, &run.spec.repository);
        let branch =
            repository.map_or_else(|| "main".to_owned(), |r| r.spec.default_branch.clone());
        let server = self.engine.ports().source.server_url();
        let push = push.as_ref().map(|push| &push.spec);
        payload(&run.spec, push, &self.configuration.owner, &branch, &server)
    }
}

/// `github.run_id`: a number that is this run's alone, small enough for a JSON number.
fn run_id(run: &PipelineRun) -> u64 {
    let uid = run.metadata.uid.as_deref().unwrap_or_default();
    let digits: String = uid
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(13)
        .collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}

fn actor(spec: &PipelineRunSpec) -> String {
    if spec.actor.is_empty() {
        "seatrial".to_owned()
    } else {
        spec.actor.clone()
    }
}

/// Ends a run that is not under way.
fn end(run: &PipelineRun, phase: RunPhase, why: &str, now: Timestamp) -> Outcome {
    let mut status = ended(run.status.as_ref(), phase, why, now);
    if status.workflow.is_empty() {
        status.workflow.clone_from(&run.spec.workflow_path);
    }
    let status = with_condition(status, run.status.as_ref(), now);
    tracing::info!(run = %key_of(run), "{}", conclusion(&status));
    let event = notice(&status);
    Outcome::settled().with_status(&status).with_event(event)
}
