//! Where steps run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Error, Line};

/// Opens sandboxes, one for each job.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Opens a sandbox in which the job's directory can be read and written.
    async fn open(&self, request: SandboxRequest) -> Result<Arc<dyn Sandbox>, Error>;
}

/// What a job asks for.
#[derive(Debug, Clone)]
pub struct SandboxRequest {
    /// A name for people and for the process list: run and job.
    pub name: String,
    /// The job's directory on this machine (it exists); the workspace, temporary files and home
    /// are below it. To be mounted, or used where it is.
    pub directory: PathBuf,
}

/// A place in which commands run one after another, with what the commands before left behind.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// Where commands see the job's directory: an absolute path.
    fn directory(&self) -> &str;

    /// What commands find in their environment before the engine adds to it. Must hold `PATH`,
    /// with `git`, `kubectl` and `kustomize` on it.
    fn environment(&self) -> BTreeMap<String, String>;

    /// Runs a command to its end, handing each line of its output (both streams, without the line
    /// break) to `line` as it comes.
    ///
    /// When the time limit passes or the token is cancelled, the command and all its children are
    /// killed; what they printed before has been handed over.
    async fn run(&self, command: Command, line: Line<'_>) -> Result<Exit, Error>;

    /// Kills what still runs and lets go of everything. Called once, at the end of the job. Where the
    /// process ends earlier, dropping the sandbox is all that happens, and must kill as well.
    async fn close(&self);
}

/// A command in a sandbox.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program (looked up in `PATH` of `environment`) and its arguments.
    pub arguments: Vec<String>,
    /// The whole environment, nothing added.
    pub environment: BTreeMap<String, String>,
    /// The working directory as commands see it.
    pub directory: String,
    /// How long it may take.
    pub timeout: Duration,
    /// Asks to stop.
    pub cancel: CancellationToken,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code (128 + n for signal n).
    Code(i32),
    /// Killed: its time was over.
    TimedOut,
    /// Killed: someone asked to stop.
    Cancelled,
}
