//! GitHub Actions workflows on one engine.
//!
//! ```text
//!   Push ──▶ workflow files of the commit ──▶ PipelineRun ──▶ engine ──▶ status, events, logs
//!                    (workflow)                   │             │
//!                                                 │             ├─ expression   ${{ … }}
//!                                                 │             ├─ action       the built-in actions
//!                                                 │             └─ port         sandbox, source, images, secrets, logs
//! ```
//!
//! **Invariants**
//! - What a user wrote is honoured or refused by name with file, line and column; nothing is ignored.
//! - Secrets are masked before a line leaves the engine, whatever printed it.
//! - Time, the machine and other crates are reached only through what is handed in ([`port`]).
//! - What a pipeline pushes with its own token, as [`PIPELINE_USER`], starts no new run (GitHub's rule
//!   for `GITHUB_TOKEN`): a workflow that commits manifests does not trigger itself.

// Snapshots are written with hashes, and test output is gathered as text.
#![cfg_attr(
    test,
    allow(
        clippy::needless_raw_string_hashes,
        clippy::format_push_string,
        clippy::format_collect
    )
)]

mod action;
pub mod control;
pub mod engine;
pub mod expression;
mod hash;
#[cfg(test)]
mod local;
pub mod logs;
pub mod port;
pub mod store;
mod suggest;
pub mod workflow;

/// The user as which a run's token pushes.
pub const PIPELINE_USER: &str = "seatrial-pipeline";
