//! Places pods on nodes.
//!
//! ```text
//!   Pod, Node changes ──► Cluster (usage per node, kept incrementally)
//!                            │
//!   pods without a node ──► Pending ──► decide (pure): filter → score ──► binding, event
//!                            ▲                     │ no node fits
//!                            └── a change that may help ◄┘ condition PodScheduled=False, event
//! ```
//!
//! **Invariants**
//! - One pod is decided at a time, and its place is assumed at once, so no two decisions spend the
//!   same room; only the API writes of past decisions overlap (bounded).
//! - A decision costs the number of nodes, not the number of pods (but for constraints between
//!   pods, which look at pods).
//! - Highest priority first, then first come first served; equal scores go by fewest pods, then by
//!   name. Nothing is random.
//! - *Absent*: preemption, volume binding, extenders.

mod amount;
mod cluster;
mod decide;
mod filter;
mod pending;
mod pod;
mod report;
mod run;
mod score;
mod terms;
#[cfg(test)]
mod tests;

pub use run::run;

/// The scheduler's name: its identity, event source, and what `spec.schedulerName` asks for.
pub const NAME: &str = "default-scheduler";
