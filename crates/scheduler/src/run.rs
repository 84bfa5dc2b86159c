//! The scheduler's loop.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Node, Pod};
use seatrial_controller::{Cache, Chain, Change, Context, ObjectKey, key_of, write};

use crate::NAME;
use crate::cluster::Cluster;
use crate::decide::decide;
use crate::pending::Pending;
use crate::pod::{Demand, has_ended, is_gated, is_waiting};
use crate::report::{self, Reason};

/// How many API writes may be under way at once. They are begun in the order of the decisions.
const CONCURRENT: usize = 64;

/// What became of a write.
enum Done {
    Bound(ObjectKey, Result<(), write::Error>),
    Said,
}

struct Scheduler {
    ctx: Context,
    pods: Cache<Pod>,
    cluster: Cluster,
    pending: Pending,
    writes: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// Runs the scheduler until the returned future is dropped.
///
/// Flow: take in every change that is there → decide for waiting pods, in order, until enough
/// writes are under way → wait for a change, the end of a write, or a timer.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let (nodes, pods) = (ctx.cache::<Node>().await, ctx.cache::<Pod>().await);
    let (mut node_changes, mut pod_changes) = (nodes.subscribe(), pods.subscribe());
    let mut scheduler = Scheduler {
        ctx,
        pods,
        cluster: Cluster::default(),
        pending: Pending::default(),
        writes: FuturesUnordered::new(),
    };
    loop {
        while let Ok(change) = node_changes.try_recv() {
            scheduler.take_node(&change);
        }
        while let Ok(change) = pod_changes.try_recv() {
            scheduler.take_pod(&change);
        }
        scheduler.place_waiting();
        let deadline = scheduler.pending.deadline();
        tokio::select! {
            biased;
            Some(change) = node_changes.recv() => scheduler.take_node(&change),
            Some(change) = pod_changes.recv() => scheduler.take_pod(&change),
            Some(done) = scheduler.writes.next() => scheduler.take_done(done),
            () = sleep_until(deadline) => {}
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Scheduler {
    fn take_node(&mut self, change: &Change<Node>) {
        match change {
            Change::Applied { object, .. } => {
                if self.cluster.set_node(object) {
                    self.pending.stir();
                }
            }
            Change::Removed(node) => {
                self.cluster
                    .remove_node(node.metadata.name.as_deref().unwrap_or_default());
            }
        }
    }

    fn take_pod(&mut self, change: &Change<Pod>) {
        let pod = change.object();
        let key = key_of(&**pod);
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let gone = matches!(change, Change::Removed(_)) || has_ended(pod);
        if gone {
            self.pending.remove(&key);
            if self.cluster.remove(&key) {
                self.pending.stir();
            }
        } else if let Some(node) = node.filter(|node| !node.is_empty()) {
            self.pending.remove(&key);
            self.cluster.place(&key, node, &Arc::new(Demand::of(pod)));
        } else if !is_waiting(pod) {
            self.pending.remove(&key);
        } else if is_gated(pod) {
            self.pending.remove(&key);
            self.say(pod.clone(), Reason::SchedulingGated, GATED.to_owned());
        } else if !self.cluster.has(&key) {
            let priority = pod
                .spec
                .as_ref()
                .and_then(|spec| spec.priority)
                .unwrap_or(0);
            self.pending.add(&key, priority);
        }
    }

    fn place_waiting(&mut self) {
        while self.writes.len() < CONCURRENT {
            let Some(key) = self.pending.pop() else {
                return;
            };
            let Some(pod) = self.pods.get(&key).filter(|pod| is_waiting(pod)) else {
                self.pending.remove(&key);
                continue;
            };
            let demand = Arc::new(Demand::of(&pod));
            match decide(&demand, &self.cluster) {
                Ok(node) => {
                    // Assumed from now on, so that the next decision knows of it.
                    self.cluster.place(&key, &node, &demand);
                    self.bind(pod, node);
                }
                Err(unfit) => {
                    self.pending.failed(&key);
                    self.say(pod, Reason::Unschedulable, unfit.0);
                }
            }
        }
    }

    fn bind(&self, pod: Arc<Pod>, node: String) {
        let ctx = self.ctx.clone();
        let write = async move {
            let result = report::bind(&ctx, &pod, &node).await;
            Done::Bound(key_of(&*pod), result)
        };
        self.writes.push(write.boxed());
    }

    fn say(&self, pod: Arc<Pod>, reason: Reason, message: String) {
        let ctx = self.ctx.clone();
        let write = async move {
            report::explain(&ctx, &pod, reason, &message).await;
            Done::Said
        };
        self.writes.push(write.boxed());
    }

    fn take_done(&mut self, done: Done) {
        let Done::Bound(key, Err(error)) = done else {
            return;
        };
        tracing::warn!(pod = %key, "bind: {}", Chain(&error));
        let waiting = self.pods.get(&key).filter(|pod| is_waiting(pod));
        // The room is free again, for this pod too, unless the cache says that it is bound.
        match waiting {
            Some(pod) => {
                self.cluster.remove(&key);
                self.pending.failed(&key);
                self.pending.stir();
                self.say(
                    pod,
                    Reason::Unschedulable,
                    format!("binding rejected: {}", Chain(&error)),
                );
            }
            None => self.pending.remove(&key),
        }
    }
}

const GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";
