//! GitHub Actions workflow files: their types and a strict parser.
//!
//! ```text
//!   text ──node──▶ tree with places ──parse──▶ Workflow, or every problem found with file:line:column
//! ```
//!
//! **Invariants:** a [`Workflow`] that exists is consistent: every job in `needs` exists, nobody
//! needs themselves, ids are unique, every expression has been read. An unknown key is an error;
//! a key of GitHub's that Seatrial cannot honour is an error that says so.

mod composite;
mod fields;
mod glob;
mod graph;
mod job;
mod node;
mod parse;
mod problem;
mod step;
#[cfg(test)]
mod tests;
mod trigger;
mod types;

pub use composite::{CompositeAction, Input};
pub use glob::Pattern;
pub use node::Position;
pub use problem::{Error, Problem};
pub use trigger::{Event, Filter, Trigger, Triggers};
pub use types::*;
