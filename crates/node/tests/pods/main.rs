//! Pods on the runtimes of this machine, in an in-process cluster.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests end where something is wrong.

mod files;
mod harness;
mod lifecycle;
mod probes;
mod rights;
mod serving;
mod sight;
