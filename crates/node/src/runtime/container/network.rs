//! What a pod's network looks like from inside, and its ways out.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::runtime::sandbox::link::{Link, step};
use crate::runtime::sandbox::protocol::Command;
use crate::runtime::{Error, Forward, Network, SandboxSpec};

/// The files that a container sees as `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
pub(super) fn write_files(spec: &SandboxSpec) -> io::Result<()> {
    let resolver = match (&spec.names.resolver, spec.network) {
        (Some(text), _) => text.clone(),
        // Nothing answers there: a look-up fails at once instead of waiting for an answer.
        (None, Network::Own) => "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n".to_owned(),
        (None, Network::Host) => fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
    };
    // A machine without that file knows no names.
    let machine = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let begin = match spec.network {
        Network::Own => own_hosts(spec),
        Network::Host => format!("{MACHINE_HOSTS}{machine}"),
    };
    fs::write(spec.directory.join("hosts"), hosts(begin, &spec.hosts))?;
    fs::write(
        spec.directory.join("hostname"),
        format!("{}\n", spec.hostname),
    )?;
    fs::write(spec.directory.join("resolv.conf"), resolver)
}

/// What stands above the names of the machine, where the pod is on its network.
const MACHINE_HOSTS: &str = "# Kubernetes-managed hosts file (host network).\n";

/// The text of `/etc/hosts` with what the pod adds, laid out as upstream does.
fn hosts(mut text: String, further: &[(IpAddr, Vec<String>)]) -> String {
    if !further.is_empty() {
        text += "\n# Entries added by HostAliases.\n";
    }
    for (address, names) in further {
        text += &format!("{address}\t{}\n", names.join("\t"));
    }
    text
}

fn own_hosts(spec: &SandboxSpec) -> String {
    let own = match &spec.names.full {
        Some(full) if *full != spec.hostname => format!("{full}\t{}", spec.hostname),
        _ => spec.hostname.clone(),
    };
    let lines = [
        "# Kubernetes-managed hosts file.".to_owned(),
        "127.0.0.1\tlocalhost".to_owned(),
        "::1\tlocalhost ip6-localhost ip6-loopback".to_owned(),
        "fe00::0\tip6-localnet".to_owned(),
        "fe00::0\tip6-mcastprefix".to_owned(),
        "fe00::1\tip6-allnodes".to_owned(),
        "fe00::2\tip6-allrouters".to_owned(),
        format!("{}\t{own}", spec.address),
    ];
    lines.join("\n") + "\n"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_follow_what_is_there() {
        let machine = || format!("{MACHINE_HOSTS}127.0.0.1\tlocalhost\n");
        assert_eq!(hosts(machine(), &[]), machine());
        let names = ["db", "db.shop"].map(str::to_owned).to_vec();
        let further = [(IpAddr::from([192, 0, 2, 1]), names)];
        assert_eq!(
            hosts(machine(), &further),
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n\
             \n# Entries added by HostAliases.\n192.0.2.1\tdb\tdb.shop\n"
        );
    }
}
