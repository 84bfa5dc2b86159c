//! Checks and generators of this workspace: `cargo run -p xtask -- <command>`.
//!
//! ```text
//! codegen   facts about built-in kinds: swagger + .proto files  ──>  crates/schema/src/generated
//! tidy      edges between crates, lengths of files, direct clocks
//! ```

mod codegen;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[][..]),
    };
    let result = match command {
        "codegen" => codegen::run(rest),
        "tidy" => tidy::run(),
        other => Err(anyhow::anyhow!(
            "unknown command {other:?}; there are: codegen, tidy"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
