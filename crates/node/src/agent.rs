//! The agent of one node: makes the node known, and runs its pods on a [`Runtime`].
//!
//! ```text
//!   pods, ConfigMaps, Secrets (shared caches)
//!        │ one mailbox per pod
//!   Worker ── decide(pod, World, now) ──► actions ──► tasks (prepare, start, stop, probes)
//!     ▲  └─► status, when it changed                        │
//!     └───────────────────── reports ◄──────────────────────┘
//! ```
//!
//! **Invariants**
//! - All state of a pod is changed by its worker alone, one message or report after the other.
//! - What is to be done follows from [`decide::decide`], which is pure.
//! - After `kill -9` the next agent removes what the last one left running, and starts again, with
//!   one restart more, every container that its pods' status says was running.

mod act;
mod attach;
mod claim;
mod decide;
mod explain;
mod follow;
mod group;
mod handle;
mod mounts;
mod network;
mod outcome;
mod prepare;
mod probing;
mod report;
mod security;
mod sources;
mod start;
mod stop;
mod sysctl;
#[cfg(test)]
mod tests;
mod verdict;
mod worker;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::Resource;
use seatrial_controller::{Context, Notice, ObjectKey};
use tokio::sync::{mpsc, watch};

use crate::address::Pool;
use crate::images::Images;
use crate::logs::Rotation;
use crate::registration::{HEARTBEAT, NodeDescription};
use crate::runtime::sandbox::remove_tree;
use crate::runtime::{self, Forward, Runtime};

pub use attach::Attachment;
pub use handle::{ConnectError, LogsError};
pub use network::PodNetwork;

/// Whoever routes requests to pods: asked before a pod's servers are told to end, so that no request
/// is cut off.
#[async_trait::async_trait]
pub trait Drain: Send + Sync + 'static {
    /// Returns when no request is on its way to the pod and none will be, or after `limit`.
    async fn drained(&self, pod: &Pod, limit: Duration);
}

/// Whether pods may mount files of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostPaths {
    /// They may not: a pod's volume that asks for it is an event.
    #[default]
    Refused,
    /// They may.
    Allowed,
}

/// A node with an agent.
#[derive(Clone)]
pub struct NodeConfig {
    /// What the node says about itself, with the range of its pods' addresses.
    pub node: NodeDescription,
    /// What runs its pods.
    pub runtime: Arc<dyn Runtime>,
    /// Where their images come from.
    pub images: Arc<dyn Images>,
    /// A directory of this node alone: sandboxes, volumes, writable layers and logs.
    pub directory: PathBuf,
    /// Variables that every container gets, in place of those that tell where Services are.
    pub environment: BTreeMap<String, String>,
    /// Ports in every pod that reach servers outside, such as the API server.
    pub forwards: Vec<Forward>,
    /// Who carries what its pods send elsewhere; absent, they reach only themselves.
    pub network: Option<Arc<dyn PodNetwork>>,
    /// When log files are put aside.
    pub rotation: Rotation,
    /// How often the Lease is renewed.
    pub heartbeat: Duration,
    /// Whether pods may mount files of the machine (`hostPath`).
    pub host_paths: HostPaths,
    /// Who routes requests to its pods; absent, servers are given a moment before they end.
    pub drain: Option<Arc<dyn Drain>>,
}

impl NodeConfig {
    /// A node with nothing beyond the necessary.
    pub fn new(
        node: NodeDescription,
        runtime: Arc<dyn Runtime>,
        images: Arc<dyn Images>,
        directory: PathBuf,
    ) -> Self {
        Self {
            node,
            runtime,
            images,
            directory,
            environment: BTreeMap::new(),
            forwards: Vec::new(),
            network: None,
            rotation: Rotation::default(),
            heartbeat: HEARTBEAT,
            host_paths: HostPaths::Refused,
            drain: None,
        }
    }
}

/// Why an agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its directory cannot be used.
    #[error("{step} {}", path.display())]
    Directory {
        /// What was tried.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// What an earlier agent left running cannot be ended.
    #[error("remove what an earlier agent left running")]
    Leftovers(#[source] runtime::Error),
}

/// A handle on a node's agent: runs it, and reaches into its pods. Clones share it.
#[derive(Clone)]
pub struct Agent(Arc<Shared>);

impl Agent {
    /// An agent that has not begun. [`Agent::run`] runs it.
    pub fn new(ctx: &Context, config: NodeConfig) -> Self {
        let (notices, inbox) = mpsc::unbounded_channel();
        let shared = Shared {
            ctx: ctx.named("node"),
            addresses: Mutex::new(Pool::new(config.node.pods)),
            config,
            pods: Mutex::default(),
            notices,
            inbox: Mutex::new(Some(inbox)),
            stopping: watch::Sender::new(Phase::Running),
        };
        Self(Arc::new(shared))
    }

    /// Runs the node until [`Agent::stop`] is called.
    pub async fn run(&self) -> Result<(), Error> {
        follow::run(&self.0).await
    }

    /// Ends all pods' processes without touching their objects, and then [`Agent::run`]. The next
    /// start of the node starts them again.
    pub async fn stop(&self) {
        if self.0.has_inbox() {
            // It was never run.
            self.0.stopping.send_replace(Phase::Stopped);
        }
        let mut phase = self.0.stopping.subscribe();
        self.0.stopping.send_if_modified(|phase| {
            let running = *phase == Phase::Running;
            if running {
                *phase = Phase::Stopping;
            }
            running
        });
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = phase.wait_for(|phase| *phase == Phase::Stopped).await;
    }
}

/// Whether the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping,
    Stopped,
}

type Notices = mpsc::UnboundedReceiver<(ObjectReference, Notice)>;

/// What the workers of one agent share.
struct Shared {
    ctx: Context,
    config: NodeConfig,
    addresses: Mutex<Pool>,
    /// The pods with a worker.
    pods: Mutex<BTreeMap<ObjectKey, handle::Entry>>,
    /// Events to emit, in order.
    notices: mpsc::UnboundedSender<(ObjectReference, Notice)>,
    /// The other end, until the agent runs.
    inbox: Mutex<Option<Notices>>,
    stopping: watch::Sender<Phase>,
}

impl Shared {
    /// Emits an event about a pod, some time soon.
    fn tell(&self, pod: &Pod, notice: Notice) {
        // Nobody listens only when the agent has ended.
        let _ = self.notices.send((pod.object_ref(&()), notice));
    }

    fn has_inbox(&self) -> bool {
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn addresses(&self) -> MutexGuard<'_, Pool> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, handle::Entry>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where sandboxes lie.
    fn sandboxes(&self) -> PathBuf {
        self.config.directory.join("sandboxes")
    }

    /// Where the pods' files lie.
    fn all(&self) -> PathBuf {
        self.config.directory.join("pods")
    }

    fn pod(&self, pod: &Pod) -> PathBuf {
        self.all()
            .join(pod.metadata.uid.as_deref().unwrap_or("unnamed"))
    }

    fn volume(&self, pod: &Pod, name: &str) -> PathBuf {
        self.pod(pod).join("volumes").join(name)
    }

    fn container(&self, pod: &Pod, name: &str) -> PathBuf {
        self.pod(pod).join("containers").join(name)
    }

    fn log(&self, pod: &Pod, name: &str) -> PathBuf {
        self.pod(pod).join("logs").join(name)
    }

    /// Makes the node's directories, and removes the sandboxes of an earlier agent.
    async fn begin(&self) -> Result<(), Error> {
        let sandboxes = self.sandboxes();
        self.config
            .runtime
            .remove_leftovers(&sandboxes)
            .await
            .map_err(Error::Leftovers)?;
        let failed = |step, path: &PathBuf| {
            let path = path.clone();
            move |source| Error::Directory { step, path, source }
        };
        remove_tree(&sandboxes).map_err(failed("remove", &sandboxes))?;
        for directory in [sandboxes, self.all()] {
            fs::create_dir_all(&directory).map_err(failed("create", &directory))?;
        }
        Ok(())
    }
}
