//! Pods as plain processes, where namespaces are forbidden: an unprivileged Docker container, a
//! locked-down kernel, macOS.
//!
//! ```text
//!   seatrial ──▶ sandbox-init plain      ends all that is below it when seatrial ends
//!                 ├ a container's process     in DIRECTORY/root, a copy of its image's files
//!                 └ another one
//! ```
//!
//! A pod has a loopback address of its own, its containers have directories of their own, and that
//! is all: the network, the machine's files, users and processes are everybody's. Only images on
//! `seatrial/host` can run, since other images' programs need their own root. How a container's
//! paths are found in its directory is said in the module `paths`.

mod layers;
mod paths;
mod root;
mod sandbox;

use std::io;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::sandbox::ProcessSandbox;
use super::sandbox::cgroup::Cgroups;
use super::sandbox::link::{self, Isolation, Link};
use super::sandbox::own::OwnDirectory;
use super::sandbox::protocol::{Command, Setup};
use super::sandbox::{remove, tools};
use super::{Error, Network, Runtime, Sandbox, SandboxSpec};

/// The process runtime of one node.
pub struct ProcessRuntime {
    executable: PathBuf,
    shared: Arc<Shared>,
}

/// What all sandboxes of a runtime use.
struct Shared {
    cgroups: Cgroups,
    tools: tokio::sync::OnceCell<PathBuf>,
    directory: OwnDirectory,
}

impl ProcessRuntime {
    /// A runtime that keeps its own files in `directory`.
    pub fn new(directory: &Path) -> io::Result<Self> {
        Self::with_executable(directory, link::own_executable()?)
    }

    /// The same, with another program to become the sandboxes' init (for tests: it must call
    /// [`sandbox_main`](super::sandbox::sandbox_main) when its first argument says so).
    pub fn with_executable(directory: &Path, executable: PathBuf) -> io::Result<Self> {
        let shared = Shared {
            cgroups: Cgroups::find(),
            tools: tokio::sync::OnceCell::new(),
            directory: OwnDirectory::make(directory)?,
        };
        Ok(Self {
            executable,
            shared: Arc::new(shared),
        })
    }
}

impl Shared {
    /// A directory with the machine's tools under their ordinary names.
    async fn tools(&self) -> Result<&Path, Error> {
        let make = || async {
            let directory = self.directory.join("tools");
            let made = tokio::task::spawn_blocking(move || link_tools(directory)).await;
            made.map_err(io::Error::other)
                .flatten()
                .map_err(|source| Error::PrepareRoot {
                    step: "link to the machine's tools".to_owned(),
                    source,
                })
        };
        self.tools.get_or_try_init(make).await.map(PathBuf::as_path)
    }
}

fn link_tools(directory: PathBuf) -> io::Result<PathBuf> {
    std::fs::create_dir(&directory)?;
    for (name, target) in tools::find_tools().into_iter().flat_map(|tool| tool.names) {
        symlink(target, directory.join(name))?;
    }
    Ok(directory)
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn create_sandbox(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, Error> {
        if spec.network == Network::Own {
            check_address(spec.address)?;
        }
        let link = Link::open(&self.executable, Isolation::Plain, &spec.directory).await?;
        if let Err(error) = link.call(Command::Setup(Setup::Plain), &[]).await {
            // The first error is the one to tell.
            let _ = link.stop().await;
            return Err(error);
        }
        Ok(Arc::new(ProcessSandbox::new(
            link,
            Arc::clone(&self.shared),
            spec,
        )))
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

/// Whether servers in the pod will be able to listen on its address.
fn check_address(address: IpAddr) -> Result<(), Error> {
    let advice = match (cfg!(target_os = "macos"), address.is_loopback()) {
        (true, true) => {
            format!("; make it one of this machine's: sudo ifconfig lo0 alias {address}")
        }
        _ => String::new(),
    };
    let failed = |source| Error::CreateSandbox {
        step: format!("use the address {address}{advice}"),
        source,
    };
    TcpListener::bind((address, 0)).map(drop).map_err(failed)
}
