//! Nodes: which runtime, and their agents.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use seatrial_images::ImageStore;
use seatrial_network::pods::PodNetwork;
use seatrial_node::address::Range;
use seatrial_node::agent::{Agent, NodeConfig};
use seatrial_node::registration::{Capacity, NodeDescription, PODS, SystemInfo, machine};
use seatrial_node::runtime::Runtime;
use seatrial_node::runtime::sandbox::detect::{self, Settings, Wanted};
use seatrial_node::simulated::SimulatedNodes;
use tokio::task::JoinSet;

use super::plane::Plane;
use super::traffic::Traffic;
use super::{Parts, pod_network};
use crate::adapter::{self, Drain, Logs, NodeImages, Reach, Streams, Usage, api_variables};

/// Which runtime pods have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RuntimeChoice {
    /// The first of container and process that works here
    Auto,
    /// Linux namespaces
    Container,
    /// Plain processes
    Process,
    /// No processes at all: pod lifecycles from data
    Simulated,
}

/// A runtime that works here.
pub(crate) struct Nodes {
    pub(crate) reason: String,
    pub(crate) reach: Reach,
    /// What builds and pipeline steps run in, also where pods are simulated.
    pub(crate) sandboxes: Arc<dyn Runtime>,
}

fn settings(parts: &Parts) -> Result<Settings> {
    Ok(Settings {
        directory: parts.data.folder("runtime")?,
        executable: None,
    })
}

/// Finds out which runtime works.
pub(crate) async fn choose(parts: &Parts) -> Result<Nodes> {
    let wanted = match parts.configuration.runtime {
        RuntimeChoice::Auto => Wanted::Auto,
        RuntimeChoice::Container => Wanted::Container,
        RuntimeChoice::Process => Wanted::Process,
        RuntimeChoice::Simulated => {
            // Pods are not run; pipelines and builds take the simplest runtime if they are asked.
            let runtime = detect::choose(Wanted::Process, &settings(parts)?)
                .await?
                .runtime;
            return Ok(Nodes {
                reason: "pods are simulated, as asked; no processes are started".to_owned(),
                reach: Reach::default(),
                sandboxes: runtime,
            });
        }
    };
    let chosen = detect::choose(wanted, &settings(parts)?).await?;
    Ok(Nodes {
        reason: chosen.reason,
        reach: Reach::default(),
        sandboxes: chosen.runtime,
    })
}

/// Starts the nodes; returns the agents of those that run processes.
pub(crate) fn start(
    parts: &Parts,
    nodes: &Nodes,
    images: &ImageStore,
    plane: &Plane,
    (traffic, network): (&Traffic, &PodNetwork),
    tasks: &mut JoinSet<()>,
) -> Result<Vec<Agent>> {
    plane
        .server()
        .state()
        .read_logs_from(Arc::new(Logs(nodes.reach.clone())));
    plane
        .server()
        .state()
        .stream_with(Arc::new(Streams(nodes.reach.clone())));
    plane
        .server()
        .state()
        .measure_with(Arc::new(Usage::new(nodes.reach.clone())));
    let count = parts.configuration.nodes;
    if parts.configuration.runtime == RuntimeChoice::Simulated {
        let mut simulated = SimulatedNodes {
            count,
            ..SimulatedNodes::default()
        };
        simulated.capacity.pods = parts.configuration.pods_per_node.unwrap_or(PODS);
        simulated.check().context("these nodes cannot be had")?;
        let ctx = parts.ctx.clone();
        tasks.spawn(async move {
            let Err(error) = seatrial_node::simulated::run(ctx, simulated).await;
            tracing::error!("simulated nodes: {}", seatrial_controller::Chain(&error));
        });
        return Ok(Vec::new());
    }
    let leftovers = parts.data.folder("nodes")?;
    let (mut capacity, system) =
        machine(&leftovers).context("cannot find out the machine's size")?;
    capacity.pods = parts.configuration.pods_per_node.unwrap_or(PODS);
    // Processes without namespaces have the machine's network: what is in the cluster only is not on it.
    let has_network = nodes.sandboxes.name() == "container";
    let carrier: Arc<dyn seatrial_node::agent::PodNetwork> =
        Arc::new(adapter::PodNetwork(network.clone()));
    let environment = if has_network {
        BTreeMap::new()
    } else {
        api_variables(network.settings().api)
    };
    let mut agents = Vec::new();
    for index in 0..count {
        let node = describe(parts, nodes, index, share(capacity, count), &system)?;
        let directory: PathBuf = parts.data.folder(&format!("nodes/{}", node.name))?;
        let images = Arc::new(NodeImages(images.clone()));
        let name = node.name.clone();
        let config = NodeConfig {
            host_paths: parts.configuration.host_paths,
            drain: Some(Arc::new(Drain(traffic.gateway.clone()))),
            network: has_network.then(|| carrier.clone()),
            environment: environment.clone(),
            ..NodeConfig::new(node, nodes.sandboxes.clone(), images, directory)
        };
        let own = parts.ctx.identified(plane.node_clients(&name));
        let agent = Agent::new(&own, config);
        nodes.reach.add(agent.clone());
        agents.push(agent.clone());
        tasks.spawn(async move {
            if let Err(error) = agent.run().await {
                tracing::error!(
                    "a node's agent stopped: {}",
                    seatrial_controller::Chain(&error)
                );
            }
        });
    }
    Ok(agents)
}

fn describe(
    parts: &Parts,
    nodes: &Nodes,
    index: usize,
    capacity: Capacity,
    system: &SystemInfo,
) -> Result<NodeDescription> {
    let runtime = nodes.sandboxes.name();
    let pods = if runtime == "process" {
        let root = parts.data.root().to_string_lossy();
        let cluster = seatrial_resources::pod_template::fnv32a(root.as_bytes());
        let range = Range::of_loopback(u64::from(cluster), index);
        anyhow::ensure!(
            capacity.pods <= range.usable(),
            "a node of plain processes has addresses for {} pods: ask for fewer with --pods-per-node",
            range.usable(),
        );
        range
    } else {
        let all = parts.configuration.nodes;
        Range::of_node(index, all, capacity.pods).context("there are too few pod addresses")?
    };
    let own = pod_network::node_addresses(parts, runtime);
    let address = own.get(index).copied();
    Ok(NodeDescription {
        name: format!("{}-{}", parts.configuration.name, index + 1),
        runtime,
        address: address.unwrap_or(std::net::Ipv4Addr::LOCALHOST).into(),
        pods,
        capacity,
        labels: BTreeMap::new(),
        taints: Vec::new(),
        port: 0,
        system: system.clone(),
    })
}

/// The machine, divided among its nodes.
fn share(whole: Capacity, nodes: usize) -> Capacity {
    let nodes = nodes.max(1) as u64;
    Capacity {
        cpu_millis: whole.cpu_millis / nodes,
        memory_bytes: whole.memory_bytes / nodes,
        storage_bytes: whole.storage_bytes / nodes,
        pods: whole.pods,
    }
}
