//! What a pod's network looks like from inside, and its ways out.

use std::fs;
use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::runtime::sandbox::link::{Link, step};
use crate::runtime::sandbox::protocol::Command;
use crate::runtime::{Error, Forward, Network, SandboxSpec};

/// The files that a container sees as `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
pub(super) fn write_files(spec: &SandboxSpec) -> io::Result<()> {
    let mut hosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    let own = format!("{} {}\n", spec.address, spec.hostname);
    let further = spec
        .hosts
        .iter()
        .map(|(address, names)| format!("{address} {}\n", names.join(" ")));
    hosts.extend(std::iter::once(own).chain(further));
    let resolver = match spec.network {
        // Nothing answers there: a look-up fails at once instead of waiting for an answer.
        Network::Own => "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n".to_owned(),
        Network::Host => fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
    };
    fs::write(spec.directory.join("hosts"), hosts)?;
    fs::write(
        spec.directory.join("hostname"),
        format!("{}\n", spec.hostname),
    )?;
    fs::write(spec.directory.join("resolv.conf"), resolver)
}

/// Listens inside and carries what comes to the server outside.
pub(super) async fn forward(link: &Arc<Link>, forward: Forward) -> Result<JoinHandle<()>, Error> {
    let (_, mut sockets) = link
        .call(
            Command::Listen {
                address: forward.inside,
            },
            &[],
        )
        .await?;
    let failed = || step(format!("listen on {} inside", forward.inside));
    let socket = sockets
        .pop()
        .ok_or_else(|| failed()(io::ErrorKind::InvalidData.into()))?;
    let listener = std::net::TcpListener::from(socket);
    listener.set_nonblocking(true).map_err(failed())?;
    let listener = TcpListener::from_std(listener).map_err(failed())?;
    Ok(tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Dropping the inner connection is how the program inside learns of a refusal.
                let Ok(mut outside) = TcpStream::connect(forward.outside).await else {
                    return;
                };
                let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
                // Either side may end at any time.
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    }))
}
