//! Nodes whose pods only pretend: lifecycles from data, no processes, thousands of pods.
//!
//! ```text
//!   pods (shared cache) ──► Fleet: one ordered queue of timers ──► writes, a bounded number at once
//! ```
//!
//! A pod's times, failures and end follow from [`Behaviour`]: the defaults handed in, overridden by
//! the pod's annotations `simulated.seatrial.dev/…`.
//!
//! **Invariants**
//! - One task for all nodes. The same changes, times and seed give the same writes in the same order.
//! - A pod whose delays are all zero costs one status write, and one delete at its end.
//! - A restart of the process restarts no pod: what the status says is taken over.

mod behaviour;
mod fleet;
mod pod;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::{Pod, Taint};
use kube::Resource;
use kube::api::DeleteParams;
use seatrial_controller::{Cache, Chain, Change, Changes, Context};

pub use behaviour::{Behaviour, Delay, End, Invalid, PREFIX, Readiness};

use crate::address::{self, Pool, Range};
use crate::registration::{Capacity, HEARTBEAT, NodeDescription, PODS, SystemInfo, keep_alive};
use crate::status::write_status;
use fleet::{Effect, Fleet, Node, Written};

/// How many writes are under way at the same time.
const AT_ONCE: usize = 64;
/// How long to wait before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Which simulated nodes there shall be.
#[derive(Debug, Clone)]
pub struct SimulatedNodes {
    /// Their number.
    pub count: usize,
    /// How many nodes of other kinds there are, whose pods' addresses come before those of these.
    pub first: usize,
    /// Node names are this, a hyphen and the node's number from 1.
    pub prefix: String,
    /// What each offers.
    pub capacity: Capacity,
    /// Further labels of each.
    pub labels: BTreeMap<String, String>,
    /// Taints of each.
    pub taints: Vec<Taint>,
    /// How their pods behave unless their annotations say otherwise.
    pub behaviour: Behaviour,
    /// How often each renews its Lease. Longer makes long stretches of virtual time cheaper.
    pub heartbeat: Duration,
}

impl Default for SimulatedNodes {
    /// Three nodes of much memory and processor, of 110 pods each, whose pods are ready at once.
    fn default() -> Self {
        Self {
            count: 3,
            first: 0,
            prefix: "simulated".to_owned(),
            capacity: Capacity {
                cpu_millis: 1_000_000,
                memory_bytes: 4 << 40,
                storage_bytes: 64 << 40,
                pods: PODS,
            },
            labels: BTreeMap::new(),
            taints: Vec::new(),
            behaviour: Behaviour::default(),
            heartbeat: HEARTBEAT,
        }
    }
}

/// Why simulated nodes cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are too few addresses.
    #[error("give each simulated node addresses for its pods")]
    Addresses(#[source] address::Error),
}

impl SimulatedNodes {
    /// Whether there are addresses for the pods of all of them, before anything is started.
    pub fn check(&self) -> Result<(), Error> {
        let last = (self.first + self.count).saturating_sub(1);
        self.node(last).map(drop)
    }

    fn describe(&self) -> Result<Vec<NodeDescription>, Error> {
        (0..self.count).map(|index| self.node(index)).collect()
    }

    fn node(&self, index: usize) -> Result<NodeDescription, Error> {
        let number = index as u32 + 1;
        let host = Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 0)) + number);
        Ok(NodeDescription {
            name: format!("{}-{number}", self.prefix),
            runtime: "simulated",
            address: IpAddr::from(host),
            pods: Range::of_node(
                self.first + index,
                self.first + self.count,
                self.capacity.pods,
            )
            .map_err(Error::Addresses)?,
            capacity: self.capacity,
            labels: self.labels.clone(),
            taints: self.taints.clone(),
            port: 0,
            system: SystemInfo::default(),
        })
    }
}

/// What `kubectl logs` of a simulated pod's container says.
pub fn log_line(pod: &str, container: &str) -> String {
    format!(
        "container {container} of pod {pod} is simulated: it runs no process and logs nothing\n"
    )
}

/// Registers the nodes and plays their pods, for ever.
///
/// Returns only where the nodes described are impossible, before anything was written.
pub async fn run(ctx: Context, nodes: SimulatedNodes) -> Result<Infallible, Error> {
    let ctx = ctx.named("simulated-node");
    let described = nodes.describe()?;
    let members = described.iter().map(|node| {
        let addresses = Pool::new(node.pods);
        let member = Node {
            host: node.address,
            addresses,
            capacity: node.capacity.pods,
            pods: 0,
            ports: BTreeMap::new(),
        };
        (node.name.clone(), member)
    });
    let fleet = Fleet::new(members.collect(), nodes.behaviour, ctx.random.clone());
    let heart = keep_alive(ctx.clone(), described, nodes.heartbeat);
    let (never, ()) = tokio::join!(heart, play(ctx, fleet));
    Ok(never)
}

async fn play(ctx: Context, mut fleet: Fleet) {
    let cache: Cache<Pod> = ctx.cache().await;
    let mut changes = cache.subscribe();
    take_over(&mut fleet, &mut changes, &ctx).await;
    let mut writes = FuturesUnordered::new();
    loop {
        while writes.len() < AT_ONCE
            && let Some(effect) = fleet.next_effect()
        {
            writes.push(perform(&ctx, effect));
        }
        let due = fleet
            .due()
            .map(|due| due.duration_since(ctx.clock.now()).try_into());
        let wait: Duration = match due {
            Some(wait) => wait.unwrap_or(Duration::ZERO),
            None => Duration::MAX,
        };
        tokio::select! {
            biased;
            Some((pod, written)) = writes.next() => fleet.written(&pod, written, ctx.clock.now()),
            change = changes.recv() => match change {
                Some(Change::Applied { object, .. }) => fleet.applied(&object, ctx.clock.now()),
                Some(Change::Removed(pod)) => fleet.removed(&pod),
                None => return,
            },
            () = tokio::time::sleep(wait) => fleet.fire(ctx.clock.now()),
        }
    }
}

/// Takes in the pods that are there: those first that have an address, so that no other gets it.
async fn take_over(fleet: &mut Fleet, changes: &mut Changes<Pod>, ctx: &Context) {
    let mut rest = Vec::new();
    while let Some(pod) = changes.present().await {
        if fleet.claim(&pod) {
            fleet.applied(&pod, ctx.clock.now());
        } else {
            rest.push(pod);
        }
    }
    for pod in rest {
        fleet.applied(&pod, ctx.clock.now());
    }
}

/// Writes one thing. After a failure the answer comes late, so that nobody tries again at once.
async fn perform(ctx: &Context, effect: Effect) -> (Arc<Pod>, Written) {
    let ctx = ctx.scoped();
    let (pod, result) = match effect {
        Effect::Status(pod, status, notices) => {
            let result = write_status(&ctx, &pod, &status).await;
            let about = pod.object_ref(&());
            for notice in &notices {
                ctx.recorder.publish(&about, notice).await;
            }
            (pod, result)
        }
        Effect::Delete(pod) => {
            let result = ctx
                .objects()
                .delete_with(&*pod, DeleteParams::default().grace_period(0))
                .await;
            (pod, result)
        }
    };
    match result {
        Ok(()) => (pod, Written::Settled),
        Err(error) if error.is_not_found() || error.is_conflict() => (pod, Written::Settled),
        Err(error) => {
            tracing::warn!("simulated node: {}", Chain(&error));
            tokio::time::sleep(RETRY).await;
            (pod, Written::Failed)
        }
    }
}
