//! A push starts the workflows of its commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::{ObjectMeta, Patch};
use kube::core::Selector;
use seatrial_controller::{
    Class, Classify, Context, Notice, ObjectKey, Outcome, Reconciler, key_of, write,
};
use seatrial_resources::seatrial_dev::{PipelineRun, PipelineRunSpec, Push, PushSpec};
use serde_json::json;

use super::name;
use crate::PIPELINE_USER;
use crate::engine::Engine;
use crate::port::{self, WorkflowFile};
use crate::workflow::{Event, Workflow};

/// Why a push could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workflow files of the commit could not be read.
    #[error("cannot read the workflows of {repository} at {commit}")]
    ReadWorkflows {
        /// The repository.
        repository: String,
        /// The commit.
        commit: String,
        /// Why.
        #[source]
        source: port::Error,
    },
    /// A run could not be made.
    #[error("cannot create the run")]
    CreateRun(#[source] write::Error),
    /// The push could not be marked.
    #[error("cannot mark the push as dealt with")]
    MarkPush(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::ReadWorkflows { .. } => Class::Retry,
            Self::CreateRun(error) | Self::MarkPush(error) => error.class(),
        }
    }

    fn reason(&self) -> &'static str {
        "PipelineStartFailed"
    }
}

/// The controller of pushes.
pub(super) struct Pushes {
    engine: Engine,
}

impl Pushes {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

impl Reconciler for Pushes {
    const NAME: &'static str = "pipeline-push-controller";
    type Object = Push;
    type Error = Error;

    async fn reconcile(&self, push: Arc<Push>, ctx: &Context) -> Result<Outcome, Error> {
        if push
            .metadata
            .annotations
            .iter()
            .flatten()
            .any(|(key, _)| key == name::HANDLED)
        {
            return Ok(Outcome::settled());
        }
        let made = match reason_not_to_run(&push.spec) {
            Some(reason) => {
                return self
                    .mark(&push, reason, ctx)
                    .await
                    .map(|()| Outcome::settled());
            }
            None => self.start(&push, ctx).await?,
        };
        let summary = if made.is_empty() {
            "no workflow".to_owned()
        } else {
            made.join(",")
        };
        self.mark(&push, &summary, ctx).await?;
        let notices = made
            .iter()
            .map(|run| Notice::normal("PipelineStarted", format!("started pipeline run {run}")));
        Ok(Outcome::settled().with_events(notices))
    }
}

impl Pushes {
    /// Makes the runs of a push; returns their names.
    async fn start(&self, push: &Push, ctx: &Context) -> Result<Vec<String>, Error> {
        let spec = &push.spec;
        let source = &self.engine.ports().source;
        let files = source
            .workflows(&spec.repository, &spec.after)
            .await
            .map_err(|source| {
                let (repository, commit) = (spec.repository.clone(), spec.after.clone());
                Error::ReadWorkflows {
                    repository,
                    commit,
                    source,
                }
            })?;
        let key = key_of(push);
        let runs = ctx.cache::<PipelineRun>().await;
        let label = Selector::from_iter([(name::REPOSITORY.to_owned(), spec.repository.clone())]);
        let existing = runs.list_matching(&key.namespace, &label);
        let mut made = Vec::new();
        for file in files.iter().filter(|file| is_started(file, spec)) {
            let slug = slug(&file.path);
            let of_file = existing.iter().filter(|run| {
                run.spec.workflow_path == file.path || label_of(run, name::WORKFLOW) == Some(&*slug)
            });
            let done = of_file.clone().find(|run| {
                run.spec.workflow_path == file.path && label_of(run, name::PUSH) == Some(&*key.name)
            });
            if let Some(run) = done {
                made.push(key_of(&**run).name.to_string());
                continue;
            }
            let mut number = of_file.map(|run| run.spec.run_number).max().unwrap_or(0) + 1;
            // A name may be taken by a run made by hand, or by a file whose name is much the same.
            let run = loop {
                match create(push, &key, file, number, ctx).await? {
                    Some(run) => break run,
                    None => number += 1,
                }
            };
            made.push(run);
        }
        Ok(made)
    }

    async fn mark(&self, push: &Push, text: &str, ctx: &Context) -> Result<(), Error> {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { name::HANDLED: text } } }));
        match ctx.objects::<Push>().patch(&key_of(push), &patch).await {
            Ok(_) => Ok(()),
            // The Git server keeps only the newest pushes: this one is gone, and dealt with.
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(Error::MarkPush(error)),
        }
    }
}

fn label_of<'a>(run: &'a PipelineRun, label: &str) -> Option<&'a str> {
    run.metadata.labels.as_ref()?.get(label).map(String::as_str)
}

/// Why a push starts nothing; GitHub's rules.
pub(super) fn reason_not_to_run(push: &PushSpec) -> Option<&'static str> {
    /// Words in a commit's message that ask for no run.
    const SKIP: [&str; 5] = [
        "[skip ci]",
        "[ci skip]",
        "[no ci]",
        "[skip actions]",
        "[actions skip]",
    ];
    if push.after.bytes().all(|byte| byte == b'0') {
        return Some("the ref was deleted");
    }
    if push.pusher == PIPELINE_USER {
        return Some("pushed by a pipeline: such pushes start no pipelines");
    }
    let message = push.message.to_lowercase();
    let trailer = message
        .lines()
        .any(|line| line.replace(' ', "") == "skip-checks:true");
    (trailer || SKIP.iter().any(|words| message.contains(words)))
        .then_some("the commit's message asks for no pipeline")
}

/// Whether the push starts the file. A file that cannot be read starts a run that says so.
fn is_started(file: &WorkflowFile, push: &PushSpec) -> bool {
    let event = Event {
        name: "push",
        reference: &push.reference,
        changed_paths: &push.changed_paths,
    };
    Workflow::parse(&file.path, &file.text).map_or(true, |workflow| workflow.on.starts(event))
}

/// A workflow file's name as part of object names: `ci` for `.github/workflows/ci.yml`.
pub(super) fn slug(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    // `ci.yml` and `ci.yaml` may stand side by side.
    let stem = file.strip_suffix(".yml").unwrap_or(file);
    let plain: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let plain = plain.trim_matches('-');
    let plain: String = plain.chars().take(40).collect();
    if plain.is_empty() {
        "workflow".to_owned()
    } else {
        plain.trim_end_matches('-').to_owned()
    }
}

/// Makes a run under this number; `None` where its name is taken.
async fn create(
    push: &Push,
    key: &ObjectKey,
    file: &WorkflowFile,
    number: u64,
    ctx: &Context,
) -> Result<Option<String>, Error> {
    let spec = &push.spec;
    let slug = slug(&file.path);
    let name = format!("{}-{slug}-{number}", spec.repository);
    let labels = BTreeMap::from([
        (name::REPOSITORY.to_owned(), spec.repository.clone()),
        (name::WORKFLOW.to_owned(), slug),
        (name::PUSH.to_owned(), key.name.to_string()),
    ]);
    let run = PipelineRun {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(key.namespace.to_string()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: PipelineRunSpec {
            repository: spec.repository.clone(),
            workflow_path: file.path.clone(),
            reference: spec.reference.clone(),
            commit: spec.after.clone(),
            event: "push".to_owned(),
            actor: spec.pusher.clone(),
            message: spec.message.clone(),
            run_number: number,
            received_at: spec.received_at.clone(),
            cancel: false,
        },
        status: None,
    };
    match ctx.objects::<PipelineRun>().create(&run).await {
        Err(error) if error.is_already_exists() => Ok(None),
        Err(error) => Err(Error::CreateRun(error)),
        Ok(_) => Ok(Some(name)),
    }
}
