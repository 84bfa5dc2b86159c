//! Fuzz targets for everything that reads bytes from outside, and a runner for them.
//!
//! ```text
//!   samples ──▶ mutate ──▶ worker (a process of its own: stack, memory and time are limited)
//!                             │ panic, abort, time-out
//!                             ▼
//!   campaign ──▶ shrink ──▶ target/fuzz/<target>-<digest>   and the command that runs it again
//! ```
//!
//! `cargo run -p seatrial-fuzz -- run` runs all targets for a bounded time; what was found once stays in
//! `regressions/<target>/` and is run by this crate's tests.
//!
//! **Invariants**
//! - The same seed gives the same inputs in the same order.
//! - A target is a plain function over bytes that panics where something is wrong, so that any other
//!   fuzzer can drive it too.

// Targets assert: a panic is their way to report.
#![allow(clippy::panic, clippy::missing_panics_doc, clippy::unwrap_used)]

pub mod campaign;
pub mod mutate;
mod samples;
pub mod shrink;
pub mod targets;
pub mod worker;

/// What the inputs of a target are, for whoever changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any bytes, text included.
    Bytes,
    /// JSON values, with [`SEPARATOR`] between them.
    Json,
}

/// Stands between the parts of an input that has several.
pub const SEPARATOR: u8 = 0x1e;

/// Something that reads bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Reads an input, and panics where what must hold does not.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// The form of its inputs.
    pub form: Form,
}

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    targets::ALL.iter().find(|target| target.name == name)
}

/// The parts of an input.
fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == SEPARATOR)
}
