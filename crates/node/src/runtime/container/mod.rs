//! Pods in Linux namespaces of their own.
//!
//! ```text
//!   seatrial ──▶ sandbox-init isolate          user, mount, network, UTS, IPC and PID namespaces
//!                 └ sandbox-init serve (PID 1)
//!                    ├ PID + mount namespace: container a     root = overlay(layers, upper)
//!                    └ PID + mount namespace: container b
//! ```
//!
//! It works as root and, where the kernel lets ordinary users make user namespaces, without. Each
//! container has a PID namespace of its own, so that all its processes end with its first one, and
//! (as in other container runtimes) that first one ignores signals for which it has no handler,
//! SIGTERM included.
//!
//! **Not there yet:** a system call filter (seccomp). Inside, processes have the capabilities that
//! other runtimes leave to root, within the pod's user namespace, and no program gives more.

pub(crate) mod inside;
mod layers;
mod plan;
mod sandbox;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

pub use super::sandbox::sandbox_main;

use self::layers::Layers;
use self::sandbox::ContainerSandbox;
use super::sandbox::cgroup::Cgroups;
use super::sandbox::host::{self, HostBase};
use super::sandbox::link::{Isolation, Link, Own};
use super::sandbox::protocol::{Command, Setup};
use super::sandbox::{link, remove};
use super::{Error, Network, Runtime, Sandbox, SandboxSpec};

/// The container runtime of one node.
pub struct ContainerRuntime {
    executable: PathBuf,
    directory: PathBuf,
    shared: Arc<Shared>,
    user_namespaces: Mutex<Own>,
}

/// What all sandboxes of a runtime use.
struct Shared {
    layers: Layers,
    base: tokio::sync::OnceCell<HostBase>,
    base_directory: PathBuf,
    cgroups: Cgroups,
}

impl ContainerRuntime {
    /// A runtime that keeps its own files in `directory`, which must lie on a file system that
    /// overlayfs can write to (not another overlay). Two runtimes must not share it.
    ///
    /// Whether the machine allows it all shows with the first sandbox; see
    /// [`detect`](super::sandbox::detect) for trying.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        Self::with_executable(directory, link::own_executable()?)
    }

    /// The same, with another program to become the sandboxes' init (for tests: it must call
    /// [`sandbox_main`] when its first argument says so).
    pub fn with_executable(directory: PathBuf, executable: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        let directory = directory.canonicalize()?;
        let shared = Shared {
            layers: Layers::new(directory.join("layers"))?,
            base: tokio::sync::OnceCell::new(),
            base_directory: directory.join("host"),
            cgroups: Cgroups::find(),
        };
        let user_namespaces = Mutex::new(Own::Yes);
        Ok(Self {
            executable,
            directory,
            shared: Arc::new(shared),
            user_namespaces,
        })
    }

    async fn open(&self, spec: &SandboxSpec) -> Result<Arc<Link>, Error> {
        let network = match spec.network {
            Network::Own => Own::Yes,
            Network::Host => Own::No,
        };
        let user = *self
            .user_namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let isolation = Isolation::Namespaces { user, network };
        let opened = Link::open(&self.executable, isolation, &spec.directory).await;
        let Err(Error::CreateSandbox { step, source }) = opened else {
            return opened;
        };
        // Root can do without: what keeps containers apart is then the other namespaces and the
        // lack of capabilities.
        let refused = step == "make a user namespace";
        if !(refused && user == Own::Yes && rustix::process::geteuid().is_root()) {
            return Err(Error::CreateSandbox { step, source });
        }
        let isolation = Isolation::Namespaces {
            user: Own::No,
            network,
        };
        let link = Link::open(&self.executable, isolation, &spec.directory).await?;
        *self
            .user_namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Own::No;
        Ok(link)
    }
}

impl Shared {
    async fn host_base(&self) -> Result<&HostBase, Error> {
        let make = || async {
            let directory = self.base_directory.clone();
            let made = tokio::task::spawn_blocking(move || host::make(&directory)).await;
            made.map_err(io::Error::other)
                .flatten()
                .map_err(|source| Error::PrepareRoot {
                    step: "collect the machine's files for seatrial/host".to_owned(),
                    source,
                })
        };
        self.base.get_or_try_init(make).await
    }
}

#[async_trait]
impl Runtime for ContainerRuntime {
    fn name(&self) -> &'static str {
        "container"
    }

    async fn create_sandbox(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, Error> {
        let link = self.open(&spec).await?;
        let address = (spec.network == Network::Own).then_some(spec.address);
        let setup = Setup::Namespaces {
            hostname: spec.hostname.clone(),
            address,
        };
        let made = async {
            link.call(Command::Setup(setup), &[]).await?;
            ContainerSandbox::open(Arc::clone(&link), Arc::clone(&self.shared), spec).await
        };
        match made.await {
            Ok(sandbox) => Ok(Arc::new(sandbox)),
            Err(error) => {
                // The first error is the one to tell.
                let _ = link.stop().await;
                Err(error)
            }
        }
    }

    async fn remove_leftovers(&self, sandboxes: &Path) -> Result<(), Error> {
        let failed = |step: &str| {
            let step = step.to_owned();
            move |source| Error::Remove { step, source }
        };
        remove::kill_leftovers(sandboxes).map_err(failed("end an earlier sandbox"))?;
        self.shared.cgroups.remove_leftovers();
        Ok(())
    }
}

impl Drop for ContainerRuntime {
    fn drop(&mut self) {
        // Made anew by the next runtime in any case.
        for own in ["layers", "host"] {
            let _ = remove::remove_tree(&self.directory.join(own));
        }
    }
}
