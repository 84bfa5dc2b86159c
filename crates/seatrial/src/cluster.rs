//! The whole cluster in this process: who is started, with what, in which order.
//!
//! ```text
//!   Data (directory, keys, ports)
//!     └▶ plane    store, API server, TLS, built-in controllers, scheduler
//!         ├▶ traffic   gateway, metrics
//!         ├▶ nodes     container, process or simulated
//!         └▶ delivery  git, images, pipelines, GitOps, rollouts
//! ```
//!
//! **Invariants:** every part speaks to the API through a client of its own identity; stopping a
//! cluster ends every process it started and leaves everything else on disk.

mod auditing;
mod compaction;
mod data;
mod delivery;
mod kubeconfig;
mod nodes;
mod plane;
mod pod_network;
mod ports;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use seatrial_clock::{Random, SharedClock, SystemClock};
use seatrial_controller::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use auditing::Auditing;
pub(crate) use data::{Data, Endpoints, State};
pub(crate) use kubeconfig::{context_name, remove, users as users_kubeconfig, write};
pub(crate) use nodes::RuntimeChoice;
pub(crate) use ports::Ports;

/// What a cluster shall be.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Its name; `default` unless told.
    pub(crate) name: String,
    /// Which runtime its pods have.
    pub(crate) runtime: RuntimeChoice,
    /// How many nodes.
    pub(crate) nodes: usize,
    /// How many pods each takes; as many as a kubelet unless told.
    pub(crate) pods_per_node: Option<u32>,
    /// Where its servers listen.
    pub(crate) ports: Ports,
    /// Whether pods may mount this machine's files.
    pub(crate) host_paths: seatrial_node::agent::HostPaths,
    /// A directory of OSV advisories for image scans.
    pub(crate) advisories: Option<std::path::PathBuf>,
    /// What is written down about requests.
    pub(crate) audit: Auditing,
    /// An AdmissionConfiguration.
    pub(crate) admission: Option<std::path::PathBuf>,
}

/// A running cluster.
pub(crate) struct Cluster {
    /// An administrator's client, without a socket.
    pub(crate) client: kube::Client,
    /// Where everything can be reached.
    pub(crate) endpoints: Endpoints,
    /// Which runtime was taken, and why.
    pub(crate) runtime: String,
    /// The requests that the gateway carried.
    pub(crate) requests: Arc<seatrial_network::RequestLog>,
    data: Data,
    lock: data::Lock,
    plane: plane::Plane,
    agents: Vec<seatrial_node::agent::Agent>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Cluster {
    /// Starts everything and returns when the API answers and all controllers run.
    ///
    /// # Errors
    /// A directory in use, a port in use, a missing `git`, a runtime that does not work here: each
    /// says what to do. Of a cluster that could not begin nothing is left.
    pub(crate) async fn start(configuration: Configuration, data: Data) -> Result<Self> {
        let lock = data.lock()?;
        if !data.is_blank() {
            return Self::begin(configuration, data, lock).await;
        }
        let claim = lock.again()?;
        let begun = Self::begin(configuration, data.clone(), lock).await;
        if begun.is_err()
            && let Err(error) = data.take_back()
        {
            tracing::warn!("what the start has begun is still there: {error:#}");
        }
        drop(claim);
        begun
    }

    async fn begin(configuration: Configuration, data: Data, lock: data::Lock) -> Result<Self> {
        allow_many_files();
        let clock: SharedClock = Arc::new(SystemClock);
        let random = Random::from_entropy();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let listeners = configuration.ports.bind(&data).await?;
        let api = listeners.api.local_addr()?;
        let plane = plane::start(
            &data,
            &configuration,
            listeners.api,
            &clock,
            &random,
            &stop,
            &mut tasks,
        )
        .await?;
        let ctx = Context::with_identities(plane.clients(), clock.clone(), random.clone());
        ctx.caches.decode_in(crate::memory::apart);
        let parts = Parts {
            ctx,
            clock,
            random,
            stop: stop.clone(),
            configuration,
            data,
        };
        let nodes = nodes::choose(&parts).await?;
        let reach = nodes.reach.clone();
        let traffic = traffic::start(
            &parts,
            reach.clone(),
            listeners.gateway,
            listeners.metrics,
            &mut tasks,
        );
        plane::run_controllers(&parts, &mut tasks)?;
        let delivery = delivery::start(
            &parts,
            &traffic,
            nodes.sandboxes.clone(),
            (listeners.git, listeners.registry),
            &plane,
            &mut tasks,
        )?;
        plane
            .make_namespace(seatrial_resources::argoproj::ARGOCD_NAMESPACE)
            .await?;
        let gateway = &traffic.gateway;
        let own = pod_network::node_addresses(&parts, nodes.sandboxes.name());
        let places = (api, own.clone());
        let network = pod_network::make(&parts, &plane, &reach, gateway, places).await?;
        pod_network::expose(&parts, &reach, gateway, own, &mut tasks);
        let runtime = nodes.reason.clone();
        let agents = nodes::start(
            &parts,
            &nodes,
            &delivery.images,
            &plane,
            (&traffic, &network),
            &mut tasks,
        )?;
        let endpoints = listeners.endpoints;
        Ok(Self {
            client: plane.admin(),
            requests: traffic.requests,
            endpoints,
            runtime,
            data: parts.data,
            lock,
            plane,
            agents,
            tasks,
            stop,
        })
    }

    /// The directory of the cluster.
    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// Waits until every node is Ready.
    pub(crate) async fn nodes_ready(&self, nodes: usize, limit: Duration) -> Result<()> {
        use k8s_openapi::api::core::v1::Node;
        let api: kube::Api<Node> = kube::Api::all(self.client.clone());
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let begun = tokio::time::Instant::now();
            let list = api.list(&kube::api::ListParams::default()).await?;
            let ready = list.iter().filter(|node| is_ready(node)).count();
            if ready >= nodes {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                anyhow::bail!("only {ready} of {nodes} nodes became ready within {limit:?}");
            }
            // Looking at thousands of nodes must not take the time that they need to start.
            let pause = (begun.elapsed() * 4).max(Duration::from_millis(5));
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends every process and closes the store.
    pub(crate) async fn stop(mut self) -> Result<data::Lock> {
        for agent in &self.agents {
            agent.stop().await;
        }
        self.stop.cancel();
        self.plane.stop();
        self.tasks.shutdown().await;
        self.data
            .forget_state()
            .context("cannot remove the state file")?;
        Ok(self.lock)
    }
}

/// Each connection of a pod takes two files of this process, and many systems allow a thousand unless asked.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let present = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: present.maximum,
        maximum: present.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

fn is_ready(node: &k8s_openapi::api::core::v1::Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    // A pod that came before the taint of the new node went would be tried again later only.
    let tainted = taints
        .into_iter()
        .flatten()
        .any(|taint| taint.key == "node.kubernetes.io/not-ready");
    !tainted
        && conditions
            .into_iter()
            .flatten()
            .any(|one| one.type_ == "Ready" && one.status == "True")
}

/// What every part is started with.
pub(crate) struct Parts {
    pub(crate) ctx: Context,
    pub(crate) clock: SharedClock,
    pub(crate) random: Random,
    pub(crate) stop: CancellationToken,
    pub(crate) configuration: Configuration,
    pub(crate) data: Data,
}
