//! The init's loop: requests in, answers and exits out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType};
use tokio::signal::unix::{SignalKind, signal};

use super::children::Children;
use crate::runtime::sandbox::channel::{self, Receiver, Sender};
use crate::runtime::sandbox::protocol::{
    Answer, Command, Failure, Family, Message, Phase, Request, Setup,
};

/// What kind of init this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// PID 1 of a PID namespace: its end is the end of all.
    #[cfg(target_os = "linux")]
    FirstProcess,
    /// An ordinary process, which must end the others itself.
    Plain,
}

/// Serves until the node closes its end, then ends what is left inside.
pub(super) fn run(socket: OwnedFd, role: Role) -> io::Result<()> {
    prepare(role)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let (sender, receiver) = channel::open(socket)?;
        let mut children = Children::new(role)?;
        let served = serve(&sender, receiver, &mut children).await;
        children.end_all();
        served
    })
}

/// The init survives whatever a terminal sends to the node's group, and adopts orphans.
fn prepare(role: Role) -> io::Result<()> {
    // It fails only for a process that leads its session already.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    match role {
        Role::FirstProcess => {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            rustix::thread::set_name(c"sandbox")?;
        }
        Role::Plain => {
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
            rustix::thread::set_name(c"sandbox")?;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let Role::Plain = role;
    Ok(())
}

async fn serve(sender: &Sender, mut receiver: Receiver, children: &mut Children) -> io::Result<()> {
    let mut ended = signal(SignalKind::child())?;
    loop {
        tokio::select! {
            biased;
            request = receiver.receive::<Request>() => {
                let Some((request, descriptors)) = request? else { return Ok(()) };
                let id = request.id;
                let (outcome, attached) = match handle(request.command, descriptors, children) {
                    Ok((answer, attached)) => (Ok(answer), attached),
                    Err(failure) => (Err(failure), Vec::new()),
                };
                let attached: Vec<_> = attached.iter().map(AsFd::as_fd).collect();
                sender.send(&Message::Answer { id, outcome }, &attached).await?;
            }
            _ = ended.recv() => {}
        }
        // Also after a request: a child may have ended while it was served.
        for (process, status) in children.reap() {
            sender
                .send(&Message::Exited { process, status }, &[])
                .await?;
        }
    }
}

type Handled = Result<(Answer, Vec<OwnedFd>), Failure>;

fn handle(command: Command, descriptors: Vec<OwnedFd>, children: &mut Children) -> Handled {
    match command {
        Command::Setup(Setup::Plain) => Ok((Answer::Done, Vec::new())),
        #[cfg(target_os = "linux")]
        Command::Setup(Setup::Namespaces {
            hostname,
            address,
            settings,
            memory,
        }) => {
            use crate::runtime::container::inside;
            inside::set_up(&hostname, address)?;
            let notes = inside::furnish(&settings, &memory)?;
            Ok((Answer::SetUp { notes }, Vec::new()))
        }
        #[cfg(target_os = "linux")]
        Command::Catch {
            address,
            resolver,
            balancers,
            direct,
        } => {
            let places = (resolver, balancers);
            let (caught, sockets) =
                crate::runtime::container::inside::catch(address, places, &direct)?;
            Ok((Answer::Caught(caught), sockets))
        }
        #[cfg(target_os = "linux")]
        Command::Datagrams { at, peer } => {
            let socket = crate::runtime::container::inside::datagrams(at, peer)?;
            Ok((Answer::Socket, vec![socket]))
        }
        #[cfg(not(target_os = "linux"))]
        Command::Setup(Setup::Namespaces { .. })
        | Command::Catch { .. }
        | Command::Datagrams { .. } => Err(Failure::at(Phase::Sandbox, "make namespaces")(
            io::Error::from(io::ErrorKind::Unsupported),
        )),
        Command::Start(start) => children.start(*start, descriptors),
        Command::Socket { family } => {
            let family = match family {
                Family::V4 => AddressFamily::INET,
                Family::V6 => AddressFamily::INET6,
            };
            let socket =
                tcp_socket(family).map_err(Failure::at(Phase::Sandbox, "make a socket inside"))?;
            Ok((Answer::Socket, vec![socket]))
        }
        Command::Listen { address } => {
            let socket = listen(address).map_err(Failure::at(
                Phase::Sandbox,
                format!("listen on {address} inside"),
            ))?;
            Ok((Answer::Socket, vec![socket]))
        }
        Command::Signal { process, signal } => {
            children.signal(process, signal)?;
            Ok((Answer::Done, Vec::new()))
        }
    }
}

fn tcp_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = tcp_socket(if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    })?;
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket)
}
