//! What a node and a sandbox's init say to each other.
//!
//! Both ends are the same executable, so there are no versions of this.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::runtime::{Error, ExitStatus, MemoryDirectory, Security};

/// Node to init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) command: Command,
}

/// What the init shall do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Finishes the sandbox; the first command.
    Setup(Setup),
    /// Starts a process. Descriptors: standard input (where `input` says so), output, error, then
    /// the `cgroup.procs` files to enter.
    Start(Box<Start>),
    /// Makes an unconnected TCP socket in the sandbox's network; the answer carries it.
    Socket { family: Family },
    /// Catches what leaves the sandbox's network; the answer carries the sockets at which it arrives:
    /// that for questions to the name server, then those for connections.
    Catch {
        /// The sandbox's own.
        address: IpAddr,
        resolver: Ipv4Addr,
        /// The first two numbers of loopback addresses that are nevertheless outside.
        balancers: Option<[u8; 2]>,
        /// Where to listen if the kernel cannot redirect.
        direct: Vec<SocketAddrV4>,
    },
    /// Makes a listening TCP socket in the sandbox's network; the answer carries it.
    Listen { address: SocketAddr },
    /// Makes a UDP socket in the sandbox's network, bound to whatever address and connected; the answer
    /// carries it.
    Datagrams {
        at: SocketAddrV4,
        peer: SocketAddrV4,
    },
    /// Sends a signal.
    Signal { process: u64, signal: i32 },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The sandbox itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Setup {
    /// Namespaces of its own.
    Namespaces {
        hostname: String,
        address: Option<IpAddr>,
        /// By names with dots.
        settings: Vec<(String, String)>,
        memory: Vec<MemoryDirectory>,
    },
    /// Nothing but a common parent.
    Plain,
}

/// A process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Its name in later messages, chosen by the node.
    pub(crate) process: u64,
    pub(crate) place: Place,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    pub(crate) input: Input,
    /// Whether it is controlled by a terminal.
    pub(crate) control: Control,
    /// How many `cgroup.procs` descriptors follow.
    pub(crate) cgroups: usize,
}

/// Where a process's standard input comes from.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Input {
    Null,
    Descriptor,
}

/// Whether a process is controlled by a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Control {
    None,
    /// Its standard input is one.
    Given,
    /// One of the container's own `/dev/pts`, so that it has a name there: no descriptors come for input,
    /// output and error, and the answer carries the node's end.
    Made {
        size: Option<(u16, u16)>,
    },
}

/// Where a process runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In a root file system of its own.
    Container(Container),
    /// Beside that process, in its namespaces.
    Beside {
        process: u64,
        user: String,
        users: Users,
        security: Security,
    },
    /// On the machine as it is.
    Machine,
}

/// A root file system of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    /// The first one is the root, the others lie below it.
    pub(crate) overlays: Vec<Overlay>,
    /// An empty directory on the machine on which the root is mounted while it is built.
    pub(crate) mountpoint: PathBuf,
    pub(crate) mounts: Vec<Bind>,
    /// As in [`crate::runtime::ProcessSpec::user`].
    pub(crate) user: String,
    pub(crate) users: Users,
    pub(crate) security: Security,
    pub(crate) pids: Pids,
}

/// In which PID namespace a container's first process is born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pids {
    /// In a new one.
    Own,
    /// In the sandbox's.
    Sandbox,
    /// In that of this process.
    Of(u64),
}

/// Which users exist inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Users {
    /// The machine's, in a user namespace.
    All,
    /// Root alone, which is the node's user outside.
    RootOnly,
    /// The machine's, with no user namespace.
    Machine,
}

/// Directories seen as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Overlay {
    /// An absolute path inside.
    pub(crate) target: PathBuf,
    /// The lowest first.
    pub(crate) lowers: Vec<PathBuf>,
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
}

/// A file or directory of the machine seen inside.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bind {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) writing: Writing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Writing {
    Allowed,
    Refused,
}

/// Init to node.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Answer {
        id: u64,
        outcome: Result<Answer, Failure>,
    },
    Exited {
        process: u64,
        status: Status,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    /// The sandbox is set up, but for what is noted.
    SetUp {
        notes: Vec<String>,
    },
    /// With a pid descriptor where the kernel has them, and the node's end of a terminal where one was made.
    Started {
        pid: i32,
        report: Report,
    },
    /// With the socket.
    Socket,
    /// With the sockets.
    Caught(Caught),
}

/// What of a sandbox is caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caught {
    pub(crate) way: Way,
    /// Whether the last socket is one for datagrams.
    pub(crate) datagrams: Datagrams,
}

/// Whether datagrams other than questions are caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Datagrams {
    Caught,
    Lost,
}

/// How what leaves a sandbox is caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// All of it, and the first packet of each connection waits until the node lets it go: that queue comes
    /// before the sockets for connections.
    Asked,
    /// All of it.
    Redirected,
    /// Only what is sent to addresses that were known beforehand, because the kernel cannot redirect.
    Direct { reason: String },
}

/// What happened in a child before its `exec`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Mount points that were missing and were made, as paths inside; parents first.
    pub(crate) created: Vec<PathBuf>,
    pub(crate) notes: Vec<String>,
    /// The mount namespace by which a container's processes are found where their PID namespace is not
    /// theirs alone.
    pub(crate) mounts: Option<u64>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Status {
    Code(i32),
    Signal(i32),
}

impl From<Status> for ExitStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Code(code) => Self::Code(code),
            Status::Signal(signal) => Self::Signal(signal),
        }
    }
}

/// What failed in the init or in a child of it before its `exec`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) phase: Phase,
    pub(crate) step: String,
    pub(crate) errno: i32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Phase {
    Sandbox,
    Root,
    User,
    Execute,
    Signal,
}

impl Failure {
    /// For `map_err`: names the step that failed.
    pub(crate) fn at<E: Into<io::Error>>(
        phase: Phase,
        step: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self {
            phase,
            step: step.into(),
            errno: error
                .into()
                .raw_os_error()
                .unwrap_or_else(|| rustix::io::Errno::IO.raw_os_error()),
        }
    }

    /// As callers of the runtime see it.
    pub(crate) fn into_error(self) -> Error {
        let source = io::Error::from_raw_os_error(self.errno);
        match self.phase {
            Phase::Sandbox => Error::CreateSandbox {
                step: self.step,
                source,
            },
            Phase::Root => Error::PrepareRoot {
                step: self.step,
                source,
            },
            Phase::User => Error::UnknownUser { user: self.step },
            Phase::Execute => Error::Execute {
                program: self.step,
                source,
            },
            Phase::Signal => Error::Signal {
                signal: crate::runtime::Signal(self.step.parse().unwrap_or(0)),
                source,
            },
        }
    }
}
