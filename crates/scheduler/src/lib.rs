//! Places pods on nodes.
//!
//! ```text
//!   Pod, Node, Namespace changes ──► Cluster (usage and counts per node, kept incrementally)
//!                                       │
//!   pods without a node ──► Pending ──► decide (pure): filter → score ──► volumes, binding, event
//!                             ▲                  │ no node fits
//!                             │                  ▼
//!                             │              preempt (pure): who could make way
//!                             │                  │
//!                             └─ a change that may help ◄─┘ condition PodScheduled=False, event
//! ```
//!
//! **Invariants**
//! - One pod is decided at a time, and its place is assumed at once, so no two decisions spend the
//!   same room; only the API writes of past decisions overlap (bounded).
//! - A decision costs the number of nodes, not the number of pods: matching pods are counted per
//!   node as they come and go. Of more than a hundred nodes not all are looked at (as upstream).
//! - Highest priority first, then first come first served; equal scores go by fewest pods, then by
//!   the order of the search. Nothing is random.
//! - The words of reasons, conditions and events are upstream's.
//! - *Absent*: extenders, profiles and their configuration, `ImageLocality`, limits of volumes per
//!   node, dynamic resource allocation.

mod amount;
mod board;
mod budget;
mod cluster;
mod decide;
mod filter;
mod pending;
mod pod;
mod preempt;
mod query;
mod reason;
mod report;
mod run;
mod score;
mod spread;
mod surroundings;
mod terms;
#[cfg(test)]
mod tests;
mod unfit;
mod volume;

pub use board::{Board, Unschedulable};
pub use run::run;

/// The scheduler's name: its identity, event source, and what `spec.schedulerName` asks for.
pub const NAME: &str = "default-scheduler";
