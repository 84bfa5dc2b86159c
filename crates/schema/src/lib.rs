//! Facts about Kubernetes kinds, and the algorithms that need them.
//!
//! ```text
//!  bytes ── parse / protobuf ──> Value ── strict ──> defaults ──> validate ──> stored
//!                                  │
//!        patch, three_way, apply ──┴── Structure ──┬── fact: generated tables of built-in kinds
//!                                                  └── custom: a CRD's openAPIV3Schema
//! ```
//!
//! Objects are `serde_json::Value`s; what is known of each place in them is a [`Structure`], the same
//! for built-in and custom kinds.
//!
//! # Invariants
//! - Pure: no I/O, no clock, no randomness. The same input gives the same output, byte for byte.
//! - Nothing panics on any input.
//! - The tables are `'static`; looking something up costs no start-up.

pub mod amount;
pub mod apply;
pub mod cause;
pub mod custom;
pub mod defaults;
pub mod fact;
#[allow(clippy::all, clippy::pedantic, missing_docs)] // Tables, written by the generator.
pub mod generated;
pub mod openapi;
pub mod parse;
pub mod patch;
pub mod path;
pub mod protobuf;
pub mod quantity;
pub mod quota;
pub mod strict;
mod structure;
pub mod three_way;

pub mod validate;

pub use cause::Cause;
pub use structure::{Level, Structure, Type};
