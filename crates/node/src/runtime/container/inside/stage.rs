//! The first stage: from an ordinary process to one with namespaces.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::UnshareFlags;

use super::unshare;
use crate::runtime::sandbox::INIT_ARGUMENT;
use crate::runtime::sandbox::protocol::{Failure, Phase};

/// Unshares, starts PID 1, and stays as its parent: `isolate user|machine own|host`.
///
/// On the socket, before frames: one byte to the node when the user namespace exists, one back when
/// its users are mapped (only a process outside may map more than one), one to the node when all is
/// done. A failure is a byte `!` with the failure as JSON after it, then the end.
pub(crate) fn isolate(arguments: &[OsString]) -> ExitCode {
    let chosen = |index: usize| arguments.get(index).and_then(|argument| argument.to_str());
    match unshare_all(chosen(0) == Some("user"), chosen(1) == Some("own")) {
        Ok(()) => {}
        Err(failure) => {
            let mut text = b"!".to_vec();
            // The node sees the socket close if even this fails.
            if serde_json::to_writer(&mut text, &failure).is_ok() {
                let _ = rustix::io::write(io::stdin().as_fd(), &text);
            }
            return ExitCode::FAILURE;
        }
    }
    let started = Command::new("/proc/self/exe")
        .arg0("seatrial")
        .args([INIT_ARGUMENT, "serve"])
        .spawn();
    let Ok(mut init) = started else {
        return ExitCode::FAILURE;
    };
    // The socket must close when the init ends.
    if let Ok(null) = std::fs::File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
    }
    let _ = rustix::process::setsid();
    match init.wait() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn unshare_all(user: bool, network: bool) -> Result<(), Failure> {
    if user {
        unshare(UnshareFlags::NEWUSER)
            .map_err(Failure::at(Phase::Sandbox, "make a user namespace"))?;
    }
    await_mapping().map_err(Failure::at(
        Phase::Sandbox,
        "wait for the node to map users",
    ))?;
    unshare(UnshareFlags::NEWNS).map_err(Failure::at(Phase::Sandbox, "make a mount namespace"))?;
    // What is mounted inside must not appear outside; what is unmounted outside shall go inside.
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )
    .map_err(Failure::at(
        Phase::Sandbox,
        "detach the mounts from the machine's",
    ))?;
    if network {
        unshare(UnshareFlags::NEWNET)
            .map_err(Failure::at(Phase::Sandbox, "make a network namespace"))?;
    }
    unshare(UnshareFlags::NEWUTS | UnshareFlags::NEWIPC).map_err(Failure::at(
        Phase::Sandbox,
        "make namespaces for the host name and IPC",
    ))?;
    unshare(UnshareFlags::NEWPID).map_err(Failure::at(Phase::Sandbox, "make a PID namespace"))?;
    rustix::io::write(io::stdin().as_fd(), b"u")
        .map(drop)
        .map_err(Failure::at(Phase::Sandbox, "tell the node"))
}

fn await_mapping() -> io::Result<()> {
    let socket = io::stdin();
    rustix::io::write(socket.as_fd(), b"u")?;
    let mut answer = [0];
    match rustix::io::read(socket.as_fd(), &mut answer)? {
        1 => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
