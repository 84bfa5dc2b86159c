//! Mapping the users of a new user namespace, from outside of it.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::link::{Isolation, Own, step};
use super::protocol::{Failure, Users};
use crate::runtime::Error;

/// Waits for the init to have its user namespace, and maps its users.
pub(super) async fn settle(
    socket: UnixStream,
    isolation: Isolation,
    init: u32,
) -> Result<(UnixStream, Users), Error> {
    let Isolation::Namespaces { user, .. } = isolation else {
        return Ok((socket, Users::Machine));
    };
    let failed = || step("speak with the sandbox's init");
    socket.set_nonblocking(true).map_err(failed())?;
    let mut socket = tokio::net::UnixStream::from_std(socket).map_err(failed())?;
    await_byte(&mut socket).await?;
    let users = match user {
        Own::Yes => map_users(init).map_err(step("map the users of the user namespace"))?,
        Own::No => Users::Machine,
    };
    socket.write_all(b"m").await.map_err(failed())?;
    // The other namespaces follow.
    await_byte(&mut socket).await?;
    Ok((socket.into_std().map_err(failed())?, users))
}

/// Reads `u`, or `!` with a failure after it.
async fn await_byte(socket: &mut tokio::net::UnixStream) -> Result<(), Error> {
    let failed = || {
        step(
            "start the sandbox's init: the program ended (is it this one, and does its main function look for the first argument \"sandbox-init\"?)",
        )
    };
    let mut byte = [0];
    socket.read_exact(&mut byte).await.map_err(failed())?;
    if byte == *b"u" {
        return Ok(());
    }
    let mut text = Vec::new();
    socket.read_to_end(&mut text).await.map_err(failed())?;
    let failure: Failure = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .map_err(failed())?;
    Err(failure.into_error())
}

fn map_users(init: u32) -> io::Result<Users> {
    if rustix::process::geteuid().is_root() {
        let all = || -> io::Result<()> {
            fs::write(
                format!("/proc/{init}/uid_map"),
                same_inside(&fs::read_to_string("/proc/self/uid_map")?),
            )?;
            fs::write(
                format!("/proc/{init}/gid_map"),
                same_inside(&fs::read_to_string("/proc/self/gid_map")?),
            )
        };
        // Refused to a root without CAP_SETUID; a refused map can be written again.
        if all().is_ok() {
            return Ok(Users::All);
        }
    }
    fs::write(format!("/proc/{init}/setgroups"), "deny")?;
    let user = rustix::process::geteuid().as_raw();
    fs::write(format!("/proc/{init}/uid_map"), format!("0 {user} 1"))?;
    let group = rustix::process::getegid().as_raw();
    fs::write(format!("/proc/{init}/gid_map"), format!("0 {group} 1"))?;
    Ok(Users::RootOnly)
}

/// Each range that exists here is mapped to itself.
fn same_inside(map: &str) -> String {
    let same = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (first, count) = (fields.next()?, fields.nth(1)?);
        Some(format!("{first} {first} {count}\n"))
    };
    map.lines().filter_map(same).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_range_is_mapped_to_itself() {
        assert_eq!(
            same_inside("         0          0 4294967295\n"),
            "0 0 4294967295\n"
        );
        assert_eq!(
            same_inside("0 1000 1\n1 100000 65536\n"),
            "0 0 1\n1 1 65536\n"
        );
    }
}
