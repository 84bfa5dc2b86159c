//! Seatrial: the whole way from a commit to production, on one machine, in one binary.
//!
//! ```text
//!   arguments ──▶ command::{up, down, status, doctor, demo, …} ──▶ cluster ──▶ the domain crates
//!             └─▶ client::{app, rollout, pipeline, kubectl, kustomize} ──▶ any Kubernetes API
//! ```
//!
//! The same file is several programs: told `sandbox-init` it becomes the first process of a sandbox,
//! and called `kubectl` or `kustomize` it is a small one of those for pipeline steps.

mod adapter;
mod arguments;
mod client;
mod cluster;
mod command;
mod memory;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use seatrial_controller::Chain;
use seatrial_node::runtime::sandbox::{INIT_ARGUMENT, sandbox_main};

fn main() -> ExitCode {
    memory::give_back_soon();
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    // Before anything else: a sandbox's init must have one thread.
    if words.next().is_some_and(|first| first == INIT_ARGUMENT) {
        return sandbox_main();
    }
    let name = Path::new(&program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let arguments = match name.as_str() {
        "kubectl" | "kustomize" => {
            let rest = std::env::args_os().skip(1);
            let words = ["seatrial".into(), name.into()].into_iter().chain(rest);
            arguments::Arguments::parse_from(words)
        }
        _ => arguments::Arguments::parse(),
    };
    arguments.log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(memory::give_back_now_and_then)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
