//! The controllers: pushes become runs, runs are run.
//!
//! ```text
//!   Push ──push──▶ one PipelineRun per workflow file that the event starts
//!   PipelineRun ──run──▶ a task of its own on the engine ──▶ status, events
//! ```
//!
//! **Guarantees:** a push starts each of its workflows once, however often it is seen: a run names
//! its push in a label, and a push that was dealt with is marked. A run that was under way when the
//! process ended is failed as `interrupted` by the next one; it is not run again, since its steps
//! may have had effects. A pending run is run.

mod payload;
mod push;
mod run;
mod secrets;
mod status;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use seatrial_controller::Context;

pub use push::Error as PushError;
pub use run::Error as RunError;
pub use secrets::KubeSecrets;

use crate::engine::Engine;

/// What the controllers are told once.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// `github.repository_owner`: repositories are `<owner>/<name>` to workflows.
    pub owner: String,
    /// Where runs keep their jobs' directories while they run.
    pub directory: PathBuf,
}

/// Labels and annotations of pushes and runs.
pub mod name {
    /// On a run: its repository.
    pub const REPOSITORY: &str = "seatrial.dev/repository";
    /// On a run: its workflow file's name.
    pub const WORKFLOW: &str = "seatrial.dev/workflow";
    /// On a run: the push that caused it.
    pub const PUSH: &str = "seatrial.dev/push";
    /// On a push: what pipelines made of it, once they have.
    pub const HANDLED: &str = "seatrial.dev/pipelines";
}

/// Runs both controllers until the returned future is dropped; runs under way are then stopped.
pub async fn run(ctx: Context, engine: Engine, configuration: Configuration) {
    let configuration = Arc::new(configuration);
    let pushes = push::Pushes::new(engine.clone());
    let runs = run::Runs::new(engine, configuration);
    futures::future::join(
        seatrial_controller::run(pushes, ctx.clone()),
        seatrial_controller::run(runs, ctx),
    )
    .await;
}
