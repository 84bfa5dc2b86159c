//! A node that starts a sandbox with stubborn processes, says so, and waits to be killed.

use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    let _directory = PathBuf::from(std::env::args().nth(3).unwrap_or_default());
    ExitCode::SUCCESS
}
