//! What is written down about requests: events of `audit.k8s.io/v1`, chosen by a policy.
//!
//! ```text
//!   request ─▶ Policy: level, stages left out ─▶ RequestReceived ─▶ … ─▶ ResponseStarted (watches)
//!                                                                  └─▶ ResponseComplete
//!                                  each: one line of JSON ─▶ Sink (a file, a test)
//! ```
//!
//! **Invariants**
//! - Without a policy nothing is copied and nothing is written.
//! - The values of Secrets and tokens never reach the log, whatever the policy says.

mod event;
mod file;
mod mask;
mod policy;
mod watched;

use std::sync::{Arc, PoisonError, RwLock};

pub use file::File;
pub use policy::{Error, Policy};
pub(crate) use watched::watched;

/// Where events go.
pub trait Sink: Send + Sync {
    /// Takes one event: a line of JSON without its end.
    fn take(&self, line: String);
}

/// The policy in force, and where events go.
#[derive(Default)]
pub struct Audit(RwLock<Option<Arc<Active>>>);

pub(crate) struct Active {
    pub(crate) policy: Policy,
    pub(crate) sink: Arc<dyn Sink>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Audit").field(&self.is_on()).finish()
    }
}

impl Audit {
    /// Writes events by this policy to `sink` from now on.
    pub fn start(&self, policy: Policy, sink: Arc<dyn Sink>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(Active { policy, sink }));
    }

    /// Whether anything is written.
    pub(crate) fn is_on(&self) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    pub(crate) fn active(&self) -> Option<Arc<Active>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
