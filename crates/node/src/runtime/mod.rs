//! What runs a pod's processes: a [`Runtime`] makes [`Sandbox`]es, a sandbox starts [`Process`]es.
//!
//! ```text
//!   Runtime ──create_sandbox──▶ Sandbox ──start──▶ Process ──exec──▶ Process
//!                                 │  ▲
//!                    connect(port)│  │ forwards: a port inside that reaches a server outside
//! ```
//!
//! The same interface serves pods, a Dockerfile's `RUN` and the steps of a pipeline.
//!
//! **Invariants**
//! - Everything here may be called from any task, several calls at a time.
//! - Dropping a handle stops nothing; [`Sandbox::stop`] does, with everything inside.
//! - A runtime keeps what it must find again after `kill -9` in [`SandboxSpec::directory`], so that
//!   [`Runtime::remove_leftovers`] can end what an earlier process of ours left running.
//! - What was asked for and cannot be enforced is told to [`SandboxSpec::notes`].

mod console;
#[cfg(target_os = "linux")]
pub mod container;
mod outgoing;
pub mod process;
pub mod sandbox;
mod security;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};

pub use console::{Console, Input, Size, Source, Terminal};
pub use outgoing::{Names, Outgoing, Passage, Refused, Uplink};
pub use security::{Calls, Capabilities, Escalation, Processes, RootAccess, Security};

/// Makes sandboxes. One per node.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// `container` or `process`: what `--runtime` and the node's label `seatrial.dev/runtime` say.
    fn name(&self) -> &'static str;

    /// Makes an empty sandbox: its namespaces (where there are any), address, host name and forwards.
    async fn create_sandbox(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, Error>;

    /// Ends the processes and removes the mounts of sandboxes that an earlier, killed process of
    /// ours left behind. `sandboxes` is the directory in which each of their
    /// [`SandboxSpec::directory`] lies as a direct child; it need not exist. Called once, before the
    /// first [`Runtime::create_sandbox`]; the caller deletes the directories afterwards.
    async fn remove_leftovers(&self, sandboxes: &Path) -> Result<(), Error>;
}

/// What a pod's (or a build step's) sandbox shall be.
#[derive(Clone)]
pub struct SandboxSpec {
    /// Unique on this machine and usable as a file name, for instance the pod's uid.
    pub id: String,
    /// The host name seen inside; also written to `/etc/hostname` and `/etc/hosts`.
    pub hostname: String,
    /// The address of its own: virtual for the container runtime, of `127.0.0.0/8` for the process
    /// runtime.
    pub address: IpAddr,
    /// Whether the sandbox has a network of its own.
    pub network: Network,
    /// Further lines of `/etc/hosts`: an address and its names.
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    /// What it is called and how it finds others by name.
    pub names: Names,
    /// Who carries what leaves it; where nobody does, it reaches only itself.
    pub outgoing: Option<Outgoing>,
    /// Ports inside that reach servers outside.
    pub forwards: Vec<Forward>,
    /// Kernel settings of its own, by names with dots. One that cannot be made is noted.
    pub settings: Vec<(String, String)>,
    /// Directories of the machine that are memory as seen from inside, as long as it lives.
    pub memory: Vec<MemoryDirectory>,
    /// Limits of all processes together.
    pub limits: Limits,
    /// A directory for the runtime's own files. It exists and is empty; the caller deletes it after
    /// [`Sandbox::stop`].
    pub directory: PathBuf,
    /// Hears what could not be enforced.
    pub notes: Notes,
}

/// A directory that is memory as seen from inside a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryDirectory {
    /// An existing directory outside.
    pub path: PathBuf,
    /// How much it holds at most.
    pub bytes: Option<u64>,
    /// The group that it belongs to, if not root's.
    pub group: Option<u32>,
}

/// Whether a sandbox has a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Only `lo`, the sandbox's address and its forwards.
    Own,
    /// The machine's network (`hostNetwork: true`, or a step that needs to download).
    Host,
}

/// A port inside a sandbox that reaches a server outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// A loopback address and port inside the sandbox. The process runtime, which has no inside,
    /// cannot listen there again and notes it where `inside` and `outside` differ.
    pub inside: SocketAddr,
    /// The server on the machine.
    pub outside: SocketAddr,
}

/// Upper bounds; absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
}

/// Hears sentences such as "memory limit of 64Mi is not enforced: no cgroup is writable".
///
/// Each note becomes one event of the pod (or one line of a build's log). Must not block.
pub type Notes = Arc<dyn Fn(String) + Send + Sync>;

/// A pod's isolation, with the processes in it.
#[async_trait]
pub trait Sandbox: Send + Sync + 'static {
    /// The address it was made with.
    fn address(&self) -> IpAddr;

    /// Starts a process with its own root file system. Returns once the program runs (its `exec`
    /// succeeded).
    async fn start(&self, spec: ProcessSpec) -> Result<Arc<dyn Process>, Error>;

    /// Opens a TCP connection to `port` in the sandbox, on its address or else on its loopback.
    async fn connect(&self, port: u16) -> io::Result<Box<dyn Connection>>;

    /// Opens a TCP connection to `port` on the sandbox's address, as another pod does: a server that
    /// listens on the loopback alone is not reached, and sees `source` as its client where the
    /// runtime can do that.
    async fn connect_from(&self, _source: IpAddr, _port: u16) -> io::Result<TcpStream> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this sandbox takes no connections from other pods",
        ))
    }

    /// A socket that is connected to the UDP port `port` on the sandbox's address, as another pod's.
    async fn datagrams_from(&self, _source: IpAddr, _port: u16) -> io::Result<UdpSocket> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this sandbox takes no datagrams from other pods",
        ))
    }

    /// Kills every process that is left, and gives back mounts, namespaces and limits. Returns when
    /// that is done; a second call does nothing.
    async fn stop(&self) -> Result<(), Error>;
}

/// A byte stream to a server in a sandbox.
pub trait Connection: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static> Connection for T {}

/// What a process shall be.
#[derive(Clone)]
pub struct ProcessSpec {
    /// The container's name: unique in the sandbox among running processes, usable as a file name.
    pub name: String,
    /// Its root file system.
    pub root: Root,
    /// What is mounted over the root, in this order (a parent precedes its children).
    pub mounts: Vec<Mount>,
    /// The program and its arguments. A program without a slash is searched in `PATH` of `env`.
    pub args: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// An absolute directory inside; created where it is missing.
    pub cwd: PathBuf,
    /// In the form of an image's `USER`: `name`, `uid`, `name:group` or `uid:gid`; empty is root.
    pub user: String,
    /// Receives standard output and standard error.
    pub output: Arc<dyn Output>,
    /// Limits of this process and its descendants.
    pub limits: Limits,
    /// What it reads, and whether it has a terminal.
    pub console: Console,
    /// What it may do beyond its user's rights.
    pub security: Security,
    /// Which processes it sees. Without namespaces it sees all.
    pub processes: Processes,
}

/// A root file system made of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Directories with unpacked image layers, the lowest first, never written to. A deletion is
    /// marked as in an OCI layer: an empty file `.wh.NAME`, and `.wh..wh..opq` in a directory that
    /// hides all below it.
    pub layers: Vec<PathBuf>,
    /// Whether the machine's own `/usr` and libraries lie read-only below the layers.
    pub host_base: HostBase,
    /// A directory of this process alone that takes its writes, so that they outlive the process
    /// and can be read back as a diff: the runtime keeps changed files in `upper` and scratch data in
    /// `work` below it, both created where missing. `upper` marks deletions as overlayfs does.
    pub writable: PathBuf,
}

/// Whether an image is built on the machine's own files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostBase {
    /// The layers are all there is.
    #[default]
    Absent,
    /// The image `seatrial/host`, or one built from it.
    Present,
}

/// A file or directory of the machine that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// An existing file or directory outside.
    pub source: PathBuf,
    /// An absolute path inside; created where it is missing.
    pub target: PathBuf,
    /// Whether it may be written.
    pub access: Access,
}

/// What may be done with a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// Receives what a process prints.
///
/// Called with chunks as they are read, not with lines. Calls for one stream come in order. An
/// implementation that is slow slows the process down, as a full pipe would.
pub trait Output: Send + Sync + 'static {
    /// Takes a chunk. An empty chunk says that the stream has ended.
    fn write(&self, stream: Stream, chunk: &[u8]);

    /// Waits until a chunk of this stream can be taken. An output that cannot keep up waits here,
    /// rather than in [`Output::write`], where it would hold up others.
    fn ready(&self, _stream: Stream) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// An [`Output`] that drops everything.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Output for Discard {
    fn write(&self, _stream: Stream, _chunk: &[u8]) {}
}

/// Which of a process' outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A started process: a container's first process, or one that was executed beside it.
#[async_trait]
pub trait Process: Send + Sync + 'static {
    /// Its process id on the machine, while it is known.
    fn pid(&self) -> Option<u32>;

    /// Waits for its end and for the end of its output. Any number of callers, any number of
    /// times: after the end each gets the same answer at once.
    async fn wait(&self) -> Exit;

    /// Sends a signal. To a process that has ended: does nothing. [`Signal::KILL`] ends its
    /// descendants too.
    async fn signal(&self, signal: Signal) -> Result<(), Error>;

    /// Starts another process in the same root file system, with the same environment, user and
    /// working directory (exec probes, hooks, `kubectl exec`).
    async fn exec(&self, spec: ExecSpec) -> Result<Arc<dyn Process>, Error>;
}

/// A process to be executed beside another.
pub struct ExecSpec {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// What it reads, and whether it has a terminal.
    pub console: Console,
    /// Receives its output.
    pub output: Arc<dyn Output>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// By itself or by a signal.
    pub status: ExitStatus,
    /// Whether the memory limit did it.
    pub memory: Memory,
}

/// By itself or by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Whether the memory limit ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It stayed within its limit, as far as is known.
    Within,
    /// The kernel killed it for exceeding the limit.
    Exceeded,
}

impl Exit {
    /// An ordinary exit with `code`.
    pub fn code(code: i32) -> Self {
        Self {
            status: ExitStatus::Code(code),
            memory: Memory::Within,
        }
    }

    /// An end by `signal`.
    pub fn signal(signal: i32) -> Self {
        Self {
            status: ExitStatus::Signal(signal),
            memory: Memory::Within,
        }
    }

    /// As a shell and as Kubernetes count it: 128 plus the signal's number.
    pub fn exit_code(self) -> i32 {
        match self.status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
        }
    }
}

/// A signal by its Linux number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(pub i32);

impl Signal {
    /// Asks for the end.
    pub const TERM: Self = Self(15);
    /// Ends at once.
    pub const KILL: Self = Self(9);

    /// Reads `SIGQUIT`, `QUIT` or `3`, as an image's `STOPSIGNAL` may say it.
    pub fn parse(text: &str) -> Option<Self> {
        const NAMES: [(&str, i32); 13] = [
            ("HUP", 1),
            ("INT", 2),
            ("QUIT", 3),
            ("ABRT", 6),
            ("KILL", 9),
            ("USR1", 10),
            ("USR2", 12),
            ("PIPE", 13),
            ("ALRM", 14),
            ("TERM", 15),
            ("CONT", 18),
            ("STOP", 19),
            ("WINCH", 28),
        ];
        if let Ok(number) = text.parse::<i32>() {
            return (1..=64).contains(&number).then_some(Self(number));
        }
        let name = text.strip_prefix("SIG").unwrap_or(text);
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| Self(*number))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "signal {}", self.0)
    }
}

/// Why a runtime could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespaces, address, host name or forwards could not be set up.
    #[error("cannot create the sandbox: {step}")]
    CreateSandbox {
        /// What was tried, for instance `unshare the user namespace`.
        step: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The root file system or a mount could not be set up.
    #[error("cannot prepare the root file system: {step}")]
    PrepareRoot {
        /// What was tried, for instance `mount overlay`.
        step: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The program could not be executed.
    #[error("cannot execute {program:?}")]
    Execute {
        /// The first argument.
        program: String,
        /// Why it failed; `NotFound` where the program does not exist.
        #[source]
        source: io::Error,
    },
    /// The user does not exist in the image.
    #[error("user {user:?} is not in the image's /etc/passwd or /etc/group")]
    UnknownUser {
        /// As the image or the pod names it.
        user: String,
    },
    /// This runtime cannot do this on this machine, and doing without would be wrong.
    #[error("{what} is not possible with the {runtime} runtime: {reason}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// [`Runtime::name`].
        runtime: &'static str,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The sandbox has been stopped, or its process was killed from outside.
    #[error("the sandbox is gone")]
    SandboxGone,
    /// A signal could not be sent.
    #[error("cannot send {signal}")]
    Signal {
        /// Which.
        signal: Signal,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The sandbox could not be taken down completely.
    #[error("cannot remove the sandbox: {step}")]
    Remove {
        /// What was tried.
        step: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_by_name_and_number() {
        assert_eq!(Signal::parse("SIGQUIT"), Some(Signal(3)));
        assert_eq!(Signal::parse("TERM"), Some(Signal::TERM));
        assert_eq!(Signal::parse("9"), Some(Signal::KILL));
        assert_eq!(Signal::parse("SIGNOPE"), None);
        assert_eq!(Signal::parse("0"), None);
    }

    #[test]
    fn a_signal_counts_from_128() {
        assert_eq!(Exit::signal(9).exit_code(), 137);
        assert_eq!(Exit::code(3).exit_code(), 3);
    }
}
