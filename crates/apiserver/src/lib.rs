//! The Kubernetes REST API over the store.
//!
//! ```text
//!   kubectl ──TLS──▶ serve ──▶ authenticate ─┐
//!                                            ▼
//!   kube::Client in this process ──▶ layer ──▶ gate ──▶ router ──▶ verb ──▶ admission ──▶ store
//!                                     (Identity)  │                │
//!                            impersonation, audit, access          │
//!                                                          ├── registry   which kinds there are
//!                                                          ├── strategy   what is special about some
//!                                                          └── facts      what their fields mean
//! ```
//!
//! **Invariants**
//! - Reads, lists and watch events are the stored bytes; nothing is decoded to answer them, unless the
//!   client wants a table, only metadata, or a version that differs from the stored one in form.
//! - Typed structs are never used on the path of a request: every kind, built in or custom, goes
//!   through the same verbs over a tree of values.
//! - Every error is a `metav1.Status`.
//! - A write that changes nothing is not stored.
//! - Time and randomness come from [`State`]; nothing here reads the machine's.

mod accept;
mod access;
pub mod admission;
mod aggregation;
mod allocation;
pub mod audit;
mod autoscaler;
mod body;
mod bootstrap;
mod call;
pub mod certificate;
mod compress;
mod custom;
mod discovery;
mod event;
mod facts;
pub mod failure;
mod gate;
mod identity;
pub mod metrics;
mod name;
pub mod object;
mod openapi;
mod outbound;
mod ownership;
mod proxy;
mod question;
pub mod registry;
mod reply;
mod router;
pub mod seal;
mod selector;
mod serve;
mod server;
mod skim;
mod state;
mod strategy;
pub mod stream;
mod subresource;
mod table;
pub mod tls;
mod token;
pub mod usage;
mod verb;

pub use access::knows_controller;
pub use admission::{Admission, Annotations};
pub use failure::{Cause, Failure, Reason};
pub use identity::Identity;
pub use object::Object;
pub use router::router;
pub use serve::serve;
pub use server::Server;
pub use state::State;
pub use subresource::{LogError, LogOptions, PodLogs};
pub use token::{Authentication, BearerTokens, Error as SigningKeyError, SigningKey};
