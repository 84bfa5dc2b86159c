//! Whoever comes to the door: with tokens and certificates that are no good, too slowly, or never to read
//! what they asked for.

#![allow(clippy::unwrap_used)] // Tests.

mod certificates;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod watchers;
