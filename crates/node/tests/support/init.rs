//! A program that becomes a sandbox's init, or a node to be killed. For tests and benches only.

use std::process::ExitCode;

#[allow(clippy::unwrap_used)] // It is for tests.
mod doomed;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(seatrial_node::runtime::sandbox::INIT_ARGUMENT) => {
            seatrial_node::runtime::sandbox::sandbox_main()
        }
        Some("doomed-node") => doomed::run(),
        _ => {
            eprintln!("this program is started by tests");
            ExitCode::FAILURE
        }
    }
}
