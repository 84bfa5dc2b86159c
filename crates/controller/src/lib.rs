//! The reconcile kit: what every controller of Seatrial is built from.
//!
//! ```text
//!              one list+watch and one decode per kind
//!   API ─────────────► Caches ──changes──► Queue ──key──► Reconciler::reconcile(object, ctx)
//!    ▲                  (Arc<K>, ordered)   (ordered,            │ Result<Outcome, Error>
//!    │                                       deduplicated)       ▼
//!    └──── status, events, requeue ◄──────────────────── the kit: the one exit
//! ```
//!
//! A controller names its kind, says what else wakes it ([`Watches`]), and turns one object into an
//! [`Outcome`]. The kit writes status (only where it differs), emits events, counts, logs, and asks
//! again later: at once when something changed, with a growing delay after a [`Class::Retry`] error,
//! and not before the object changes after a [`Class::Terminal`] one.
//!
//! **Invariants**
//! - *Order*: caches iterate by (namespace, name) and queues are first in, first out. On a
//!   current-thread runtime with paused time, one seed gives one sequence of writes.
//! - *Own writes are seen*: a key is not reconciled again before the caches have caught up with
//!   everything its last reconcile wrote through [`Context`]. So a controller that counts its
//!   children in the cache never creates one twice because the cache lagged (upstream's
//!   "expectations", without guessing). See [`journal`].
//! - *Nothing read directly*: time comes from [`Context::clock`], randomness from
//!   [`Context::random`]; waiting is `tokio::time`, which can be paused.
//! - *Absent*: no knowledge of any kind but Events; no leader election (one process owns a cluster).

pub mod cache;
pub mod condition;
mod context;
mod error;
pub mod finalizer;
pub mod journal;
mod metrics;
mod object;
mod outcome;
mod queue;
mod recorder;
mod run;
mod status;
mod virtual_clock;
pub mod write;

pub use cache::{Cache, Caches, Change, Changes, News, Room};
pub use context::Context;
pub use error::{Chain, Class, Classify};
pub use metrics::{Counters, Metrics};
pub use object::{
    Object, ObjectKey, Static, controller_of, is_controlled_by, is_terminating, key_of,
    owner_reference,
};
pub use outcome::{Next, Notice, NoticeKind, Outcome};
pub use queue::{Delay, Queue};
pub use recorder::Recorder;
pub use run::{Reconciler, Watches, run};
pub use status::merge_diff;
pub use virtual_clock::VirtualClock;
pub use write::Objects;
