//! Runs a workflow: plans its jobs, runs them side by side, their steps one after another.
//!
//! ```text
//!   Request ──run──▶ jobs whose needs are done ──matrix──▶ instances ──job──▶ steps ──step──▶ command or action
//!                         ▲                                    │
//!                         └────────── results, outputs ◀───────┘           Session: log lines, masks, outputs
//! ```
//!
//! **Guarantees:** a job starts only when all it needs have ended; a job's steps never overlap; a
//! sandbox that was opened is closed, whatever happens; the run's directory is gone afterwards.

mod command;
mod composite;
mod concurrency;
mod context;
mod directories;
mod environment;
mod finish;
mod instance;
mod job;
mod jobs;
mod masks;
mod matrix;
mod outcome;
mod plan;
mod prepare;
mod progress;
mod run;
mod script;
mod session;
mod shell;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub use matrix::{Combination, Error as MatrixError};
pub use outcome::{Conclusion, standing};
pub use plan::{Plan, PlannedJob};

pub(crate) use context::JobScope;
pub(crate) use session::Session;

use crate::port::Ports;
use crate::workflow::Workflow;

/// Runs workflows with at most so many jobs at once.
#[derive(Clone, Debug)]
pub struct Engine {
    ports: Ports,
    slots: Arc<Semaphore>,
    groups: concurrency::Groups,
}

impl Engine {
    /// An engine that runs at most `jobs` jobs at a time (at least one), over all runs together.
    pub fn new(ports: Ports, jobs: usize) -> Self {
        Self {
            ports,
            slots: Arc::new(Semaphore::new(jobs.max(1))),
            groups: concurrency::Groups::default(),
        }
    }

    /// What the engine reaches the world through.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }
}

/// What to run, and why.
#[derive(Debug, Clone)]
pub struct Request {
    /// The workflow.
    pub workflow: Workflow,
    /// The run's name: key of its log and its artifacts.
    pub name: String,
    /// `github.run_id`.
    pub id: u64,
    /// `github.run_number`.
    pub number: u64,
    /// The Repository object's name.
    pub repository: String,
    /// `github.repository_owner`; `github.repository` is owner/repository.
    pub owner: String,
    /// The commit.
    pub commit: String,
    /// The full ref name.
    pub reference: String,
    /// The event's name.
    pub event: String,
    /// Who caused it.
    pub actor: String,
    /// The event's payload (`github.event`).
    pub payload: serde_json::Value,
    /// A directory for the run's jobs; made, and removed at the end.
    pub directory: PathBuf,
}
