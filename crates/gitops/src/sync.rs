//! One sync, wave by wave.
//!
//! ```text
//!   first pass: list all tasks in the state, dry-run them all ── any refusal ─▶ Failed, nothing written
//!   each pass:  look how running tasks stand ─▶ decide ─▶ Run the next wave │ Wait │ Succeed │ Fail
//! ```
//!
//! The order is Argo CD's: phase, wave, prunes, kind, name. What each task came to is kept in
//! `status.operationState.syncResult`, so every pass begins with nothing but the API.

mod act;
mod first;
mod order;
mod pass;
mod plan;
mod task;

pub(crate) use pass::{Sync, terminate};
pub(crate) use task::Phase;
