//! The program that runs as a sandbox's init.
//!
//! ```text
//!   sandbox-init isolate …   unshares namespaces, becomes the parent of:
//!     └ sandbox-init serve   PID 1 of the pod: serves requests until the socket closes
//!   sandbox-init plain       the process runtime's: serves, with no namespaces
//! ```
//!
//! The socket to the node is standard input.

mod children;
mod family;
mod serve;
mod spawn;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

/// Runs this process as a sandbox's init; returns when the sandbox has ended.
///
/// To be called by `main`, while there is no other thread, if the first argument is
/// [`super::INIT_ARGUMENT`]. Only a runtime starts such a process: by hand it ends with a message.
pub fn sandbox_main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(2).collect();
    let role = arguments
        .first()
        .and_then(|role| role.to_str())
        .unwrap_or_default();
    let outcome = match role {
        "plain" => take_socket().and_then(|socket| serve::run(socket, serve::Role::Plain)),
        #[cfg(target_os = "linux")]
        "isolate" => return crate::runtime::container::inside::isolate(&arguments[1..]),
        #[cfg(target_os = "linux")]
        "serve" => take_socket().and_then(|socket| serve::run(socket, serve::Role::FirstProcess)),
        _ => Err(io::Error::other(
            "this command is started by a node, not by hand",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The socket, with standard input freed of it: no process inside may inherit it.
fn take_socket() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::net::sockopt::socket_type(&socket)
        .map_err(|_| io::Error::other("this command is started by a node, not by hand"))?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(socket)
}
