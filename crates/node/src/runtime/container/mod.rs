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
//! Users: a node that is root gives its pods all users of the machine, in a user namespace; so what
//! root owns inside is root's outside, but its rights end at the namespace. Any other node has only
//! its own user to give: it is root inside, or whichever single user the image names.
//!
//! Inside, processes have the capabilities that
//! other runtimes leave to root, within the pod's user namespace, and no program gives more.

mod ask;
mod datagrams;
pub(crate) mod inside;
mod layers;
mod network;
mod outgoing;
mod plan;
mod sandbox;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

pub use super::sandbox::sandbox_main;

use self::layers::Layers;
use self::sandbox::ContainerSandbox;
use super::sandbox::cgroup::Cgroups;
use super::sandbox::host::{self, HostBase};
use super::sandbox::link::{Isolation, Link, Own};
use super::sandbox::own::OwnDirectory;
use super::sandbox::protocol::{Answer, Command, Setup};
use super::sandbox::{link, remove};
use super::{Error, Network, Runtime, Sandbox, SandboxSpec};

/// The container runtime of one node.
pub struct ContainerRuntime {
    executable: PathBuf,
    shared: Arc<Shared>,
    user_namespaces: Mutex<Own>,
}

/// What all sandboxes of a runtime use.
struct Shared {
    layers: Layers,
    base: tokio::sync::OnceCell<HostBase>,
    /// Where that base is kept from run to run.
    bases: PathBuf,
    /// Deleted with the runtime.
    _directory: OwnDirectory,
    cgroups: Cgroups,
}

impl ContainerRuntime {
    /// A runtime that keeps its own files in `directory`, which must lie on a file system that
    /// overlayfs can write to (not another overlay).
    ///
    /// Whether the machine allows it all shows with the first sandbox; see
    /// [`detect`](super::sandbox::detect) for trying.
    pub fn new(directory: &Path) -> io::Result<Self> {
        Self::with_executable(directory, link::own_executable()?)
    }

    /// The same, with another program to become the sandboxes' init (for tests: it must call
    /// [`sandbox_main`] when its first argument says so).
    pub fn with_executable(directory: &Path, executable: PathBuf) -> io::Result<Self> {
        let directory = OwnDirectory::make(directory)?;
        let shared = Shared {
            layers: Layers::new(directory.join("layers"))?,
            base: tokio::sync::OnceCell::new(),
            bases: directory.beside(),
            _directory: directory,
            cgroups: Cgroups::find(),
        };
        let user_namespaces = Mutex::new(Own::Yes);
        Ok(Self {
            executable,
            shared: Arc::new(shared),
            user_namespaces,
        })
    }

    /// Begins to collect the machine's files for `seatrial/host`, so that the first pod need not
    /// wait for it. Must be called within a tokio runtime.
    pub fn prepare_host_base(&self) {
        let shared = Arc::clone(&self.shared);
        // A failure shows again when the first image needs it.
        tokio::spawn(async move { shared.host_base().await.map(drop) });
    }

    /// How it isolates, in words.
    pub fn describe(&self) -> String {
        match (*self.users(), rustix::process::geteuid().is_root()) {
            (Own::No, _) => {
                "namespaces work, without those for users, so root inside is root outside"
                    .to_owned()
            }
            (Own::Yes, true) => "namespaces work, with all users".to_owned(),
            (Own::Yes, false) => {
                "namespaces work without root, with root as the only user inside".to_owned()
            }
        }
    }

    fn users(&self) -> MutexGuard<'_, Own> {
        self.user_namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self, spec: &SandboxSpec) -> Result<Arc<Link>, Error> {
        let network = match spec.network {
            Network::Own => Own::Yes,
            Network::Host => Own::No,
        };
        let user = *self.users();
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
        *self.users() = Own::No;
        Ok(link)
    }
}

impl Shared {
    async fn host_base(&self) -> Result<&HostBase, Error> {
        let make = || async {
            let directory = self.bases.clone();
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
            settings: spec.settings.clone(),
            memory: spec.memory.clone(),
        };
        let made = async {
            if let (Answer::SetUp { notes }, _) = link.call(Command::Setup(setup), &[]).await? {
                for note in notes {
                    (spec.notes)(note);
                }
            }
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
        remove::end_leftovers(sandboxes)
            .await
            .map_err(|source| Error::Remove {
                step: "end an earlier sandbox".to_owned(),
                source,
            })
    }
}
