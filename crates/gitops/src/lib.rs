//! Argo CD applications: compare, sync, prune, heal.
//!
//! ```text
//!   Application ─▶ Source (a port: repository, revision → files) ─▶ manifest: objects
//!                                                                      │ target: where, whose
//!   live objects ◀─ cluster ──────────────▶ compare ◀──────────────────┘
//!        ▲                                     │ sync status, health
//!        │                                     ▼
//!        └── sync: hooks, waves, prune ◀── automation, or somebody's `operation`
//! ```
//!
//! Field names, conditions, messages and events are those of Argo CD, so that its users, dashboards
//! and scripts read them.
//!
//! **Invariants**
//! - *All or nothing at the door*: nothing of a sync is written before everything of it has passed
//!   the API server's dry run.
//! - *Only what is ours is deleted*: an object is pruned only if an earlier comparison listed it in
//!   the Application's status and it carries the Application's tracking annotation.
//! - *The status is the state*: a sync goes one wave per pass and writes what it did into
//!   `status.operationState`; after a crash the next pass continues there.
//! - *Absent*: Helm, several sources, remote clusters. Each is refused by name in a condition.

mod application;
mod apply;
mod automation;
mod cluster;
mod compare;
mod deletion;
pub mod diff;
mod error;
pub mod health;
mod ignore;
mod live;
mod manifest;
mod memory;
mod operation;
mod project;
mod reference;
mod refresh;
mod retry;
pub mod source;
mod status;
mod sync;
mod sync_option;
mod target;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use seatrial_controller::{Context, Reconciler as _};

pub use application::Applications;
pub use error::Error;
pub use source::{Fetched, Source, SourceError};

/// How the controller works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a comparison with the source stays good when nothing says that it changed.
    pub refresh_interval: Duration,
    /// The namespace whose Applications go by their plain name in tracking annotations; others are
    /// written `namespace_name`, as Argo CD does.
    pub namespace: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_mins(3),
            namespace: "argocd".to_owned(),
        }
    }
}

/// Every controller of this crate, by name, ready to be run. Dropping a future stops its controller.
pub fn controllers(
    ctx: &Context,
    source: Arc<dyn Source>,
    options: Options,
) -> Vec<(&'static str, BoxFuture<'static, ()>)> {
    let applications = Applications::new(source, options);
    vec![(
        Applications::NAME,
        Box::pin(seatrial_controller::run(applications, ctx.clone())),
    )]
}
