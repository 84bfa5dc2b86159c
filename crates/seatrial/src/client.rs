//! The commands that talk to a cluster from outside: `app`, `rollout`, `pipeline`, and the small
//! `kubectl` and `kustomize` that steps of a pipeline find where none is installed.
//!
//! ```text
//!   arguments ──▶ Connection ──▶ Session { client, namespace, clock, screen }
//!                                    │
//!        app │ rollout │ pipeline │ kubectl     read objects ──▶ view (pure) ──▶ text
//!                                               write patches the controllers understand
//! ```
//!
//! **Invariants:** everything goes through `kube::Client`, so that every command works against any
//! cluster that runs these controllers; what is printed is made by pure functions of the objects
//! and the time; colours and redrawing only where a person looks at a terminal.

// Text for people is short: one allocation more per line costs nothing and reads better; and flags
// of a command line are booleans.
#![allow(clippy::format_push_string, clippy::struct_excessive_bools)]

mod app;
mod applet;
mod connect;
mod duration;
mod follow;
mod kubectl;
mod kustomize;
mod output;
mod pipeline;
mod rollout;
mod screen;
mod style;
mod table;
#[cfg(test)]
// Snapshots are written with hashes.
#[allow(clippy::needless_raw_string_hashes, clippy::format_collect)]
mod tests;

pub(crate) use app::AppCommand;
pub(crate) use kubectl::KubectlApplet;
pub(crate) use kustomize::KustomizeApplet;
pub(crate) use pipeline::PipelineCommand;
pub(crate) use rollout::RolloutCommand;

use std::path::PathBuf;

/// What the running cluster of this machine tells its clients.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The folder with the logs of pipeline runs.
    pub(crate) log_directory: Option<PathBuf>,
}
