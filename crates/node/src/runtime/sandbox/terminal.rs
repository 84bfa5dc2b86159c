//! A pseudo-terminal: the node keeps one end, the process has the other.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::runtime::{Size, Terminal};

/// The two ends of a terminal.
pub(super) struct Ends {
    /// Reads what the process prints, writes what it reads. Does not block.
    pub(super) ours: OwnedFd,
    /// For the process.
    pub(super) theirs: OwnedFd,
}

/// Makes a terminal.
pub(super) fn open(terminal: &Terminal) -> io::Result<Ends> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let ours = rustix::pty::openpt(flags)?;
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
    rustix::pty::grantpt(&ours)?;
    rustix::pty::unlockpt(&ours)?;
    let name = rustix::pty::ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty())?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    if let Some(size) = *terminal.size.borrow() {
        set_size(&ours, size)?;
    }
    Ok(Ends { ours, theirs })
}

/// Makes a terminal of the container whose root this process has, and makes it this process's input, output,
/// error and controlling terminal. Returns the node's end.
#[cfg(target_os = "linux")]
pub(super) fn make_own(size: Option<(u16, u16)>) -> io::Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&ours)?;
    // By its descriptor rather than by its name: nobody can put another device there.
    let theirs = rustix::pty::ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    if let Some((columns, rows)) = size {
        set_size(&ours, Size { columns, rows })?;
    }
    rustix::stdio::dup2_stdin(&theirs)?;
    rustix::stdio::dup2_stdout(&theirs)?;
    rustix::stdio::dup2_stderr(&theirs)?;
    rustix::process::ioctl_tiocsctty(io::stdin())?;
    Ok(ours)
}

/// Follows the size until nobody changes it any more. The kernel tells the process.
pub(super) async fn follow_size(terminal: OwnedFd, mut wanted: Terminal) {
    loop {
        let size = *wanted.size.borrow_and_update();
        if let Some(size) = size
            && let Err(error) = set_size(&terminal, size)
        {
            tracing::debug!(%error, "cannot set the size of a terminal");
        }
        if wanted.size.changed().await.is_err() {
            return;
        }
    }
}

fn set_size(terminal: &OwnedFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}
