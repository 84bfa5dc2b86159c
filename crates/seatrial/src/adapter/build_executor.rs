//! `RUN` instructions, in the node's runtime.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_clock::Random;
use seatrial_images::build::{Executor, Outcome, RunStep, Stream, Unavailable};
use seatrial_node::runtime::sandbox::remove_tree;
use seatrial_node::runtime::sandbox::run::{Ended, run_to_end};
use seatrial_node::runtime::{
    self, Console, Limits, Names, Network, ProcessSpec, Processes, Root, Runtime, SandboxSpec,
    Security,
};

use super::node_images::host_base;

/// Runs each instruction in a sandbox of its own that shares the machine's network, since builds
/// may have to download.
pub(crate) struct BuildExecutor {
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Where sandboxes keep their files.
    pub(crate) directory: PathBuf,
    pub(crate) random: Random,
}

/// Hands output on.
struct Output(seatrial_images::build::Output);

impl runtime::Output for Output {
    fn write(&self, stream: runtime::Stream, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        let stream = match stream {
            runtime::Stream::Stdout => Stream::Stdout,
            runtime::Stream::Stderr => Stream::Stderr,
        };
        (self.0)(stream, chunk);
    }
}

#[async_trait]
impl Executor for BuildExecutor {
    async fn run(&self, step: RunStep) -> Result<Outcome, Unavailable> {
        let id = format!("build-{}", self.random.suffix(10));
        let directory = self.directory.join(&id);
        let made = tokio::fs::create_dir_all(&directory).await;
        made.map_err(|error| unavailable(&error))?;
        let outcome = self.in_sandbox(id, directory.clone(), step).await;
        if let Err(error) = remove_tree(&directory) {
            tracing::warn!(%error, "cannot remove {}", directory.display());
        }
        outcome
    }
}

impl BuildExecutor {
    async fn in_sandbox(
        &self,
        id: String,
        directory: PathBuf,
        step: RunStep,
    ) -> Result<Outcome, Unavailable> {
        let notes = step.output.clone();
        let sandbox = self
            .runtime
            .create_sandbox(SandboxSpec {
                hostname: "build".to_owned(),
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                network: Network::Host,
                hosts: Vec::new(),
                names: Names::default(),
                outgoing: None,
                forwards: Vec::new(),
                settings: Vec::new(),
                memory: Vec::new(),
                limits: Limits::default(),
                notes: Arc::new(move |note| {
                    notes(Stream::Stderr, format!("note: {note}\n").as_bytes());
                }),
                id,
                directory,
            })
            .await
            .map_err(|error| unavailable(&error))?;
        let spec = ProcessSpec {
            name: "run".to_owned(),
            root: Root {
                layers: step.layers,
                host_base: host_base(step.base),
                writable: step.writable,
            },
            mounts: Vec::new(),
            args: step.args,
            env: step.env.into_iter().collect(),
            cwd: step.cwd.into(),
            user: step.user,
            output: Arc::new(Output(step.output)),
            limits: Limits::default(),
            console: Console::default(),
            security: Security::default(),
            processes: Processes::default(),
        };
        let ended = run_to_end(&*sandbox, spec, None).await;
        let stopped = sandbox.stop().await;
        let ended = ended.map_err(|error| unavailable(&error))?;
        stopped.map_err(|error| unavailable(&error))?;
        let code = match ended {
            Ended::Exited(exit) => exit.exit_code(),
            Ended::TimedOut => 137,
        };
        Ok(Outcome { code })
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Unavailable {
    Unavailable {
        reason: seatrial_controller::Chain(error).to_string(),
    }
}
