//! A pod in namespaces.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::plan::{Plan, plan};
use super::{Shared, datagrams, network, outgoing};
use crate::runtime::sandbox::DEFAULT_PATH;
use crate::runtime::sandbox::cgroup::Group;
use crate::runtime::sandbox::launch::{AtEnd, Launch, launch};
use crate::runtime::sandbox::link::{Link, step};
use crate::runtime::sandbox::process::{Beside, Context, Started, TERMINAL_KIND};
use crate::runtime::sandbox::protocol::{Bind, Command, Container, Family, Pids, Place, Writing};
use crate::runtime::{
    Access, Connection, Error, HostBase, Mount, Network, Process, ProcessSpec, Processes,
    RootAccess, Sandbox, SandboxSpec,
};

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A pod in namespaces.
pub(super) struct ContainerSandbox {
    link: Arc<Link>,
    shared: Arc<Shared>,
    spec: SandboxSpec,
    forwards: Mutex<Vec<JoinHandle<()>>>,
    group: Group,
    roots: AtomicU64,
    /// The first processes of the containers that were started last, by the containers' names.
    processes: Mutex<BTreeMap<String, u64>>,
}

impl ContainerSandbox {
    /// Makes what lies around a sandbox whose namespaces are there already.
    pub(super) async fn open(
        link: Arc<Link>,
        shared: Arc<Shared>,
        spec: SandboxSpec,
    ) -> Result<Self, Error> {
        network::write_files(&spec).map_err(step("write the files of its network"))?;
        let group = shared
            .cgroups
            .make(None, &spec.id, spec.limits, &spec.notes);
        let mut forwards = Vec::new();
        for forward in spec.forwards.clone() {
            forwards.push(network::forward(&link, forward).await?);
        }
        if let (Some(way), Network::Own) = (&spec.outgoing, spec.network) {
            forwards.extend(outgoing::carry(&link, &spec, way).await?);
        }
        let forwards = Mutex::new(forwards);
        Ok(Self {
            link,
            shared,
            spec,
            forwards,
            group,
            roots: AtomicU64::new(0),
            processes: Mutex::default(),
        })
    }

    async fn socket(&self, family: Family) -> io::Result<OwnedFd> {
        let answer = self.link.call(Command::Socket { family }, &[]).await;
        let (_, mut sockets) = answer.map_err(io::Error::other)?;
        sockets
            .pop()
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    async fn connect_to(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let family = if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let socket = self.socket(family).await?;
        let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
        let connected = tokio::time::timeout(CONNECT_PATIENCE, socket.connect(address)).await;
        let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection that the server inside sees coming from `source`. Every address is the sandbox's own,
    /// so a socket can be bound to any.
    async fn connect_as(&self, source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
        let socket =
            TcpSocket::from_std_stream(std::net::TcpStream::from(self.socket(Family::V4).await?));
        // Where it cannot be, the client is the pod itself.
        let _ = socket.bind(SocketAddr::new(source, 0));
        let connected = tokio::time::timeout(CONNECT_PATIENCE, socket.connect(to)).await;
        let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// As whom a client's datagrams come. What comes from the loopback would be answered from there, not from
    /// where it was sent to; so the machine has the first address of the pod's block, which no pod has.
    fn seen_as(&self, source: IpAddr) -> IpAddr {
        match self.spec.address {
            IpAddr::V4(own) if source.is_loopback() => {
                let [a, b, c, _] = own.octets();
                Ipv4Addr::new(a, b, c, 0).into()
            }
            _ => source,
        }
    }

    async fn plan(&self, spec: &ProcessSpec) -> Result<Plan, Error> {
        let base = match spec.root.host_base {
            HostBase::Present => Some(self.shared.host_base().await?.clone()),
            HostBase::Absent => None,
        };
        let (shared, root) = (Arc::clone(&self.shared), spec.root.clone());
        let planned = tokio::task::spawn_blocking(move || {
            let layers = root.layers.iter().map(|layer| shared.layers.usable(layer));
            let layers = layers.collect::<Result<Vec<_>, _>>()?;
            let failed = |source| Error::PrepareRoot {
                step: "make the directories of its root".to_owned(),
                source,
            };
            plan(&layers, base.as_ref(), &root.writable).map_err(failed)
        });
        let failed = |error| Error::PrepareRoot {
            step: "plan its mounts".to_owned(),
            source: io::Error::other(error),
        };
        planned.await.map_err(failed)?
    }

    /// An empty directory on which the root of a process is mounted.
    fn mountpoint(&self, number: u64) -> Result<PathBuf, Error> {
        let mountpoint = self.spec.directory.join(format!("root-{number}"));
        let failed = |source| Error::PrepareRoot {
            step: "make a mount point".to_owned(),
            source,
        };
        fs::create_dir_all(&mountpoint).map_err(failed)?;
        Ok(mountpoint)
    }

    fn group_for(&self, spec: &ProcessSpec, number: u64) -> Group {
        let name = format!("{}-{number}", spec.name);
        let within = Some(&self.group);
        self.shared
            .cgroups
            .make(within, &name, spec.limits, &self.spec.notes)
    }

    fn mounts(&self, mounts: &[Mount], root: RootAccess) -> Vec<Bind> {
        let own = ["resolv.conf", "hosts", "hostname"].map(|name| Bind {
            source: self.spec.directory.join(name),
            target: PathBuf::from("/etc").join(name),
            writing: match root {
                RootAccess::Writable => Writing::Allowed,
                RootAccess::ReadOnly => Writing::Refused,
            },
        });
        let further = mounts.iter().map(|mount| Bind {
            source: mount.source.clone(),
            target: mount.target.clone(),
            writing: match mount.access {
                Access::ReadOnly => Writing::Refused,
                Access::ReadWrite => Writing::Allowed,
            },
        });
        own.into_iter().chain(further).collect()
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pids(&self, wanted: &Processes) -> Result<Pids, Error> {
        match wanted {
            Processes::Own => Ok(Pids::Own),
            Processes::Shared => Ok(Pids::Sandbox),
            Processes::Of(name) => {
                let process = self.processes().get(name).copied();
                let missing = || Error::PrepareRoot {
                    step: format!("see the processes of container {name:?}"),
                    source: io::Error::new(io::ErrorKind::NotFound, "it does not run"),
                };
                process.map(Pids::Of).ok_or_else(missing)
            }
        }
    }

    /// The environment with what every program may expect.
    fn environment(&self, env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut env = env.clone();
        env.entry("PATH".to_owned())
            .or_insert_with(|| DEFAULT_PATH.to_owned());
        env.entry("HOSTNAME".to_owned())
            .or_insert_with(|| self.spec.hostname.clone());
        env.entry("HOME".to_owned())
            .or_insert_with(|| "/root".to_owned());
        env
    }
}

#[async_trait]
impl Sandbox for ContainerSandbox {
    fn address(&self) -> IpAddr {
        self.spec.address
    }

    async fn start(&self, spec: ProcessSpec) -> Result<Arc<dyn Process>, Error> {
        let plan = self.plan(&spec).await?;
        let number = self.roots.fetch_add(1, Ordering::Relaxed);
        let mountpoint = self.mountpoint(number)?;
        let group = Arc::new(self.group_for(&spec, number));
        let users = self.link.users();
        let container = Container {
            overlays: plan.overlays.clone(),
            mountpoint: mountpoint.clone(),
            mounts: self.mounts(&spec.mounts, spec.security.root),
            user: spec.user.clone(),
            users,
            security: spec.security.clone(),
            pids: self.pids(&spec.processes)?,
        };
        let mut env = self.environment(&spec.env);
        if spec.console.terminal.is_some() {
            env.entry("TERM".to_owned())
                .or_insert_with(|| TERMINAL_KIND.to_owned());
        }
        let request = Launch {
            place: Place::Container(container),
            args: spec.args,
            env: env.clone(),
            cwd: spec.cwd.clone(),
            console: spec.console.clone(),
            output: spec.output,
            cgroups: group.entrances(),
            at_end: clear_up(Arc::clone(&group), plan, mountpoint),
        };
        let launched = launch(&self.link, request).await?;
        for note in &launched.notes {
            (self.spec.notes)(note.clone());
        }
        self.processes().insert(spec.name, launched.name);
        let context = Context {
            beside: Beside::Container {
                process: launched.name,
                user: spec.user,
                users,
                security: spec.security,
            },
            env,
            cwd: spec.cwd,
            map_args: Box::new(|args| args),
            cgroups: Box::new(move || group.entrances()),
        };
        let link = Arc::clone(&self.link);
        Ok(Started::new(link, launched, Arc::new(context)))
    }

    async fn connect(&self, port: u16) -> io::Result<Box<dyn Connection>> {
        let stream = match self
            .connect_to(SocketAddr::new(self.spec.address, port))
            .await
        {
            // Some servers listen on the loopback only.
            Err(error)
                if error.kind() == io::ErrorKind::ConnectionRefused
                    && self.spec.network == Network::Own =>
            {
                self.connect_to(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
                    .await?
            }
            other => other?,
        };
        Ok(Box::new(stream))
    }

    async fn connect_from(&self, source: IpAddr, port: u16) -> io::Result<TcpStream> {
        let to = SocketAddr::new(self.spec.address, port);
        match self.spec.network {
            Network::Own if to.is_ipv4() => self.connect_as(source, to).await,
            _ => self.connect_to(to).await,
        }
    }

    async fn datagrams_from(&self, source: IpAddr, port: u16) -> io::Result<UdpSocket> {
        let to = SocketAddr::new(self.spec.address, port);
        let (at, to) = datagrams::ends(self.seen_as(source), to)?;
        match self.spec.network {
            Network::Own => datagrams::between(&self.link, at, to).await,
            Network::Host => {
                let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
                socket.connect(to).await?;
                Ok(socket)
            }
        }
    }

    async fn stop(&self) -> Result<(), Error> {
        for forward in self
            .forwards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            forward.abort();
        }
        let stopped = self.link.stop().await;
        self.group.remove();
        stopped.map_err(|source| Error::Remove {
            step: "end its init".to_owned(),
            source,
        })
    }
}

/// What is done when a container has ended.
fn clear_up(group: Arc<Group>, plan: Plan, mountpoint: PathBuf) -> AtEnd {
    Box::new(move |report| {
        let memory = group.memory();
        group.remove();
        plan.clean_up(&report.created);
        // Left where it is still mounted: it goes with the sandbox's directory.
        let _ = fs::remove_dir(mountpoint);
        memory
    })
}
