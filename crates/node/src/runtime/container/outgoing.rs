//! The node's side of what leaves a pod: accepts, and hands on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::ask::{self, Open};
use super::datagrams;
use crate::runtime::sandbox::link::{Link, step};
use crate::runtime::sandbox::protocol::{Answer, Command, Datagrams, Way};
use crate::runtime::{Error, Outgoing, SandboxSpec, Uplink};

/// How long to wait when no more files can be opened.
const EXHAUSTED: Duration = Duration::from_millis(50);
/// More than any datagram of a question.
const DATAGRAM: usize = 64 << 10;

/// Has the sandbox catch what leaves it, and carries that until the tasks are aborted. A sandbox in which
/// that is not possible reaches only itself, and says so.
pub(super) async fn carry(
    link: &Arc<Link>,
    spec: &SandboxSpec,
    outgoing: &Outgoing,
) -> Result<Vec<JoinHandle<()>>, Error> {
    match catch(link, spec, outgoing).await {
        Err(Error::CreateSandbox { step, source }) => {
            (spec.notes)(format!(
                "connections to Services, other pods and outside are not possible: cannot {step}: {source}"
            ));
            Ok(Vec::new())
        }
        other => other,
    }
}

async fn catch(
    link: &Arc<Link>,
    spec: &SandboxSpec,
    outgoing: &Outgoing,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let names = SocketAddrV4::new(outgoing.resolver, 53);
    let direct = outgoing.essential.iter().copied().chain([names]).collect();
    let command = Command::Catch {
        address: spec.address,
        resolver: outgoing.resolver,
        balancers: outgoing.balancers,
        direct,
    };
    let broken = || step("understand its init")(io::ErrorKind::InvalidData.into());
    let (answer, sockets) = link.call(command, &[]).await?;
    let Answer::Caught(caught) = answer else {
        return Err(broken());
    };
    match &caught.way {
        Way::Asked => {}
        Way::Redirected => (spec.notes)(
            "a connection that is refused is made first and then broken: this kernel has no queue in which \
             it could wait"
                .to_owned(),
        ),
        Way::Direct { reason } => (spec.notes)(format!(
            "connections to Services, other pods and outside are not possible: this kernel cannot redirect \
             them with nftables ({reason}); names and the API server are reached"
        )),
    }
    if caught.datagrams == Datagrams::Lost && !matches!(caught.way, Way::Direct { .. }) {
        (spec.notes)(
            "datagrams to Services, other pods and outside are refused, but for questions to the name server: \
             this kernel cannot divert them (nftables' tproxy is missing)"
                .to_owned(),
        );
    }
    let mut sockets = sockets.into_iter();
    let questions = sockets.next().ok_or_else(broken)?;
    let failed = || step("read from a socket inside");
    let questions = datagrams::adopt(questions).map_err(failed())?;
    let mut tasks = vec![tokio::spawn(answer_questions(
        Arc::new(questions),
        outgoing.uplink.clone(),
    ))];
    let open = Open::default();
    if caught.datagrams == Datagrams::Caught {
        let first = sockets.next_back().ok_or_else(broken)?;
        let first = datagrams::adopt(first).map_err(failed())?;
        let carried = datagrams::carry(first, link.clone(), outgoing.uplink.clone());
        tasks.push(tokio::spawn(carried));
    }
    if caught.way == Way::Asked {
        let queue = sockets.next().ok_or_else(broken)?;
        let decided = ask::decide(queue, outgoing.uplink.clone(), open.clone());
        tasks.push(tokio::spawn(decided.map_err(failed())?));
    }
    for listener in sockets {
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true).map_err(failed())?;
        let listener = TcpListener::from_std(listener).map_err(failed())?;
        tasks.push(tokio::spawn(accept(
            listener,
            outgoing.uplink.clone(),
            open.clone(),
        )));
    }
    Ok(tasks)
}

async fn accept(listener: TcpListener, uplink: Arc<dyn Uplink>, open: Open) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let Some(to) = meant_for(&stream, &listener) else {
                    continue;
                };
                // Interactive traffic must not wait for more of it.
                let _ = stream.set_nodelay(true);
                if let Some(passage) = open.take(from.port(), to) {
                    tokio::spawn(passage.carry(stream));
                    continue;
                }
                let uplink = uplink.clone();
                tokio::spawn(async move {
                    match uplink.open(to).await {
                        Ok(passage) => passage.carry(stream).await,
                        // It was accepted already, so it can only be broken.
                        Err(_) => drop(stream.set_zero_linger()),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of a pod is not accepted yet");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// Where a connection was meant to go; none where it was meant for the listener itself.
fn meant_for(stream: &TcpStream, listener: &TcpListener) -> Option<SocketAddr> {
    let own = listener.local_addr().ok()?;
    let meant = match rustix::net::sockopt::ip_original_dst(stream) {
        Ok(meant) => SocketAddr::V4(meant),
        // It was not redirected, so this is where it went.
        Err(_) => stream.local_addr().ok()?,
    };
    let is_redirector = own.ip() == Ipv4Addr::LOCALHOST;
    (!(is_redirector && meant == own)).then_some(meant)
}

async fn answer_questions(socket: Arc<UdpSocket>, uplink: Arc<dyn Uplink>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // Such as the news that an answer was no longer wanted.
                tracing::debug!(%error, "a question of a pod");
                continue;
            }
        };
        let (question, uplink) = (buffer[..length].to_vec(), uplink.clone());
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            if let Some(answer) = uplink.answer(question).await {
                // Whoever asked may have ended.
                let _ = socket.send_to(&answer, from).await;
            }
        });
    }
}
