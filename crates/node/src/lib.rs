//! Nodes and the pods on them: the agent, its runtimes, and nodes that only pretend.
//!
//! ```text
//!            pods of this node (kube::Client, shared caches)
//!                 │                                   ▲ status, events, Lease
//!     ┌───────────▼───────────────────────────────────┴──────────┐
//!     │ agent   one task per pod:  decide(pod, world, now)        │     simulated
//!     │           images ─ volume ─ probe ─ logs ─ status         │     thousands of pods of
//!     └───────────┬───────────────────────────────────────────────┘     many nodes on one
//!                 │ runtime::{Runtime, Sandbox, Process}                 ordered queue of timers
//!        ┌────────┴─────────┐
//!     container          process
//!     (namespaces)       (plain processes)
//! ```
//!
//! **Invariants**
//! - The agent and the simulated nodes meet the rest of the cluster through API objects only.
//! - What a pod should do next is decided by a pure function of its spec, what is known of its
//!   containers, and the time handed in ([`agent`]); acting is separate.
//! - What a runtime cannot enforce is said in an event of the pod, never silently dropped.
//! - `unsafe` occurs only below [`runtime`], each time with its reason.

pub mod address;
mod admission;
pub mod agent;
mod backoff;
pub mod downward;
pub mod environment;
pub mod images;
pub mod logs;
pub mod names;
pub mod probe;
mod quantity;
pub mod registration;
pub mod runtime;
pub mod simulated;
pub mod status;
pub mod usage;
pub mod volume;
