//! The program itself, from outside: what a user starts, kills and talks to.
//!
//! Each test has a data directory of its own and takes whatever ports are free; nothing outside of it
//! is touched.

#![allow(clippy::unwrap_used, clippy::panic)] // A test may fail loudly.

mod between_pods;
mod demo;
mod operator;
mod pods;
mod process;
mod restart;
mod start;
