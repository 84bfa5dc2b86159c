//! A pod of plain processes.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::Shared;
use super::paths::Paths;
use super::root::Root;
use crate::runtime::sandbox::cgroup::Group;
use crate::runtime::sandbox::launch::{AtEnd, Launch, launch};
use crate::runtime::sandbox::link::Link;
use crate::runtime::sandbox::process::{Beside, Context, Started};
use crate::runtime::sandbox::protocol::Place;
use crate::runtime::{Connection, Error, HostBase, Process, ProcessSpec, Sandbox, SandboxSpec};

/// A pod of plain processes.
pub(super) struct ProcessSandbox {
    link: Arc<Link>,
    shared: Arc<Shared>,
    spec: SandboxSpec,
    group: Group,
    started: AtomicU64,
}

impl ProcessSandbox {
    pub(super) fn new(link: Arc<Link>, shared: Arc<Shared>, spec: SandboxSpec) -> Self {
        tell_limits(&spec);
        let group = shared
            .cgroups
            .make(None, &spec.id, spec.limits, &spec.notes);
        Self {
            link,
            shared,
            spec,
            group,
            started: AtomicU64::new(0),
        }
    }

    fn group_for(&self, spec: &ProcessSpec) -> Group {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", spec.name);
        let within = Some(&self.group);
        self.shared
            .cgroups
            .make(within, &name, spec.limits, &self.spec.notes)
    }

    async fn make_root(&self, spec: &ProcessSpec) -> Result<(Root, PathBuf), Error> {
        if spec.root.host_base == HostBase::Absent {
            return Err(Error::Unsupported {
                what: format!("the image of {}, which does not build on seatrial/host,", spec.name),
                runtime: "process",
                reason: "its programs need a root file system of their own. Use the container runtime (seatrial doctor says what it lacks here), or an image FROM seatrial/host".to_owned(),
            });
        }
        let (layers, writable) = (spec.root.layers.clone(), spec.root.writable.clone());
        let (mounts, cwd) = (spec.mounts.clone(), spec.cwd.clone());
        let made = tokio::task::spawn_blocking(move || {
            let failed = |step: String| move |source| Error::PrepareRoot { step, source };
            fs::create_dir_all(&writable).map_err(failed("make its directory".to_owned()))?;
            let writable = writable
                .canonicalize()
                .map_err(failed("find its directory".to_owned()))?;
            let mut root = Root::make(&layers, &writable)
                .map_err(failed("copy the image's files".to_owned()))?;
            for mount in &mounts {
                let step = format!(
                    "mount {} at {}",
                    mount.source.display(),
                    mount.target.display()
                );
                root.place(mount).map_err(failed(step))?;
            }
            let cwd_place = Paths {
                root: root.directory.clone(),
            }
            .place(&cwd);
            fs::create_dir_all(&cwd_place).map_err(failed(format!("make {}", cwd.display())))?;
            Ok((root, cwd_place))
        });
        let failed = |error| Error::PrepareRoot {
            step: "copy files".to_owned(),
            source: io::Error::other(error),
        };
        made.await.map_err(failed)?
    }
}

/// Says once what this sandbox cannot have.
fn tell_limits(spec: &SandboxSpec) {
    (spec.notes)(
        "the process runtime isolates nothing: files, users, processes and the network are the machine's, and read-only mounts are writable".to_owned(),
    );
    (spec.notes)(
        "the process runtime has no network between pods: Services have neither cluster addresses nor names here, \
         and NetworkPolicies are not enforced; use NodePorts, the gateway or the addresses of pods"
            .to_owned(),
    );
    for (address, names) in &spec.hosts {
        (spec.notes)(format!(
            "{} is not found under {}: /etc/hosts is the machine's",
            address,
            names.join(", ")
        ));
    }
    for forward in spec
        .forwards
        .iter()
        .filter(|forward| forward.inside != forward.outside)
    {
        (spec.notes)(format!(
            "{} is not forwarded: use {} instead",
            forward.inside, forward.outside
        ));
    }
}

#[async_trait]
impl Sandbox for ProcessSandbox {
    fn address(&self) -> IpAddr {
        self.spec.address
    }

    async fn start(&self, spec: ProcessSpec) -> Result<Arc<dyn Process>, Error> {
        let (root, cwd) = self.make_root(&spec).await?;
        if !matches!(spec.user.as_str(), "" | "0" | "root" | "0:0" | "root:root") {
            let user = &spec.user;
            (self.spec.notes)(format!(
                "user {user} is not enforced: processes run as the node's user"
            ));
        }
        let group = Arc::new(self.group_for(&spec));
        let paths = Paths {
            root: root.directory.clone(),
        };
        let tools = self.shared.tools().await?;
        let env = paths.environment(&spec.env, &self.spec.hostname, tools);
        let request = Launch {
            place: Place::Machine,
            args: spec.args.iter().map(|arg| paths.map(arg)).collect(),
            env: env.clone(),
            cwd: cwd.clone(),
            console: spec.console.clone(),
            output: spec.output,
            cgroups: group.entrances(),
            at_end: clear_up(Arc::clone(&group), root),
        };
        let launched = launch(&self.link, request).await?;
        let context = Context {
            beside: Beside::Machine,
            env,
            cwd,
            map_args: Box::new(move |args| args.iter().map(|arg| paths.map(arg)).collect()),
            cgroups: Box::new(move || group.entrances()),
        };
        let link = Arc::clone(&self.link);
        Ok(Started::new(link, launched, Arc::new(context)))
    }

    async fn connect(&self, port: u16) -> io::Result<Box<dyn Connection>> {
        // Not the loopback of all: there another pod's server might answer.
        let stream = TcpStream::connect((self.spec.address, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn connect_from(&self, _source: IpAddr, port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((self.spec.address, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn stop(&self) -> Result<(), Error> {
        let stopped = self.link.stop().await;
        self.group.remove();
        stopped.map_err(|source| Error::Remove {
            step: "end its init".to_owned(),
            source,
        })
    }
}

/// What is done when a process has ended.
fn clear_up(group: Arc<Group>, mut root: Root) -> AtEnd {
    Box::new(move |_| {
        let memory = group.memory();
        group.remove();
        if let Err(error) = root.finish() {
            let root = root.directory.display();
            tracing::warn!(%error, %root, "cannot collect what a process has changed");
        }
        memory
    })
}
