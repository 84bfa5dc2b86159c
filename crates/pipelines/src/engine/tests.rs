//! Whole runs with real shells in a temporary directory.

mod actions;
mod jobs;
mod steps;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use seatrial_resources::seatrial_dev::PipelineRunStatus;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Engine, Request};
use crate::local::{FakeImages, FakeSecrets, FakeSource, LocalExecutor, MemoryLogs};
use crate::port::Ports;
use crate::store::Store;
use crate::workflow::Workflow;

/// The whole of GitHub's default environment is not worth a snapshot in every test; this is the
/// commit that runs are made for.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A run and what came of it.
struct Outcome {
    status: PipelineRunStatus,
    log: String,
    images: Arc<FakeImages>,
    source: Arc<FakeSource>,
    store: Store,
    _directory: tempfile::TempDir,
}

/// What a run starts from.
struct Setup {
    workflow: String,
    reference: &'static str,
    files: BTreeMap<String, String>,
    images: FakeImages,
    cancel: CancellationToken,
    slots: usize,
}

impl Setup {
    fn new(workflow: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            reference: "refs/heads/main",
            files: BTreeMap::new(),
            images: FakeImages::default(),
            cancel: CancellationToken::new(),
            slots: 4,
        }
    }

    /// The jobs of a workflow that runs on push.
    fn jobs(jobs: &str) -> Self {
        Self::new(&format!("name: CI\non: push\njobs:\n{jobs}"))
    }

    /// The steps of a workflow with one job.
    fn steps(steps: &str) -> Self {
        Self::jobs(&format!(
            "  test:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
        ))
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    async fn run(self) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let logs = Arc::new(MemoryLogs::default());
        let images = Arc::new(self.images);
        let source = Arc::new(FakeSource {
            files: self.files,
            checkouts: Mutex::new(Vec::new()),
        });
        let store = Store::new(root.join("store"));
        let ports = Ports {
            executor: Arc::new(LocalExecutor),
            source: source.clone(),
            images: images.clone(),
            secrets: Arc::new(FakeSecrets),
            logs: logs.clone(),
            store: store.clone(),
            clock: Arc::new(seatrial_clock::SystemClock),
        };
        let request = request(&self.workflow, self.reference, root.join("run"));
        let (sender, receiver) = watch::channel(PipelineRunStatus::default());
        Engine::new(ports, self.slots)
            .run(request, sender, self.cancel)
            .await;
        assert!(
            !root.join("run").exists(),
            "the run's directory must be gone"
        );
        let status = receiver.borrow().clone();
        let log = logs.text(&root);
        Outcome {
            status,
            log,
            images,
            source,
            store,
            _directory: directory,
        }
    }
}

fn request(workflow: &str, reference: &str, directory: PathBuf) -> Request {
    Request {
        workflow: Workflow::parse(".github/workflows/ci.yml", workflow).unwrap(),
        name: "shop-ci-7".to_owned(),
        id: 42,
        number: 7,
        repository: "shop".to_owned(),
        owner: "seatrial".to_owned(),
        commit: COMMIT.to_owned(),
        reference: reference.to_owned(),
        event: "push".to_owned(),
        actor: "alice".to_owned(),
        payload: json!({ "head_commit": { "message": "First" } }),
        directory,
    }
}

impl Outcome {
    /// Phase, jobs, steps and messages, without times.
    fn summary(&self) -> String {
        let status = &self.status;
        let mut text = format!("{:?} {}", status.phase, status.progress);
        text += &status
            .message
            .as_ref()
            .map_or_else(String::new, |m| format!(": {m}"));
        text.push('\n');
        for job in &status.jobs {
            text += &format!("{} {:?}", job.id, job.phase);
            text += &job
                .message
                .as_ref()
                .map_or_else(String::new, |m| format!(": {m}"));
            if !job.outputs.is_empty() {
                text += &format!(" {:?}", job.outputs);
            }
            text.push('\n');
            for step in &job.steps {
                let code = step
                    .exit_code
                    .map_or_else(String::new, |code| format!(" [{code}]"));
                text += &format!("  {} {:?}{code}\n", step.name, step.phase);
            }
        }
        text
    }
}
