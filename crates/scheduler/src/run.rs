//! The scheduler's loop.

mod change;
mod place;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::{CSINode, StorageClass};
use seatrial_controller::{Cache, Chain, Changes, Context, ObjectKey, write};
use tokio::task::JoinSet;

use crate::NAME;
use crate::cluster::Cluster;
use crate::pending::Pending;
use crate::reason::Cause;
use crate::surroundings::Surroundings;
use crate::volume::{self, Reserved};

/// How many API writes may be under way at once. They are begun in the order of the decisions.
const CONCURRENT: usize = 64;

/// What became of a write.
enum Done {
    Bound(ObjectKey, Result<(), BindError>),
    Said,
}

/// Why a decision did not come true.
#[derive(Debug, thiserror::Error)]
enum BindError {
    #[error("binding rejected")]
    Bind(#[source] write::Error),
    #[error("binding volumes")]
    Volumes(#[source] volume::settle::Error),
}

struct Scheduler {
    ctx: Context,
    pods: Cache<Pod>,
    surroundings: Surroundings,
    cluster: Cluster,
    pending: Pending,
    reserved: Reserved,
    /// Writes that end soon. Each is a task of its own, so that a second processor can help.
    writes: JoinSet<Done>,
    /// Bindings that wait for volumes, which may take minutes.
    settling: JoinSet<Done>,
}

/// Changes of everything that decides where pods go.
struct Feeds {
    nodes: Changes<Node>,
    namespaces: Changes<Namespace>,
    pods: Changes<Pod>,
    claims: Changes<PersistentVolumeClaim>,
    volumes: Changes<PersistentVolume>,
    classes: Changes<StorageClass>,
    csi_nodes: Changes<CSINode>,
}

/// Runs the scheduler until the returned future is dropped.
///
/// Flow: take in every change that is there → decide for waiting pods, in order, until enough
/// writes are under way → wait for a change, the end of a write, or a timer.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let surroundings = Surroundings::of(&ctx).await;
    let namespaces = ctx.cache::<Namespace>().await;
    let (nodes, pods) = (ctx.cache::<Node>().await, ctx.cache::<Pod>().await);
    let storage = &surroundings.storage;
    let mut feeds = Feeds {
        nodes: nodes.subscribe(),
        namespaces: namespaces.subscribe(),
        pods: pods.subscribe(),
        claims: storage.claims.subscribe(),
        volumes: storage.volumes.subscribe(),
        classes: storage.classes.subscribe(),
        csi_nodes: storage.csi_nodes.subscribe(),
    };
    let mut scheduler = Scheduler {
        ctx,
        pods,
        surroundings,
        cluster: Cluster::default(),
        pending: Pending::default(),
        reserved: Reserved::new(),
        writes: JoinSet::new(),
        settling: JoinSet::new(),
    };
    loop {
        scheduler.take_all(&mut feeds);
        scheduler.place_waiting();
        scheduler.wait(&mut feeds).await;
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Scheduler {
    /// Takes in what is there. Nodes and namespaces come first, since pods are placed on the ones and
    /// understood by the others.
    fn take_all(&mut self, feeds: &mut Feeds) {
        while let Ok(change) = feeds.nodes.try_recv() {
            self.take_node(&change);
        }
        while let Ok(change) = feeds.namespaces.try_recv() {
            self.take_namespace(&change);
        }
        while let Ok(change) = feeds.pods.try_recv() {
            self.take_pod(&change);
        }
        while let Some(done) = self.writes.try_join_next() {
            self.take_done(done);
        }
    }

    async fn wait(&mut self, feeds: &mut Feeds) {
        let deadline = self.pending.deadline();
        tokio::select! {
            biased;
            Some(change) = feeds.nodes.recv() => self.take_node(&change),
            Some(change) = feeds.namespaces.recv() => self.take_namespace(&change),
            Some(change) = feeds.pods.recv() => self.take_pod(&change),
            Some(change) = feeds.claims.recv() => self.take_claim(&change),
            Some(change) = feeds.volumes.recv() => self.take_volume(&change),
            Some(_) = feeds.classes.recv() => self.pending.stir(&[Cause::Volumes]),
            Some(_) = feeds.csi_nodes.recv() => self.pending.stir(&[Cause::Room]),
            Some(done) = self.writes.join_next() => self.take_done(done),
            Some(done) = self.settling.join_next() => self.take_done(done),
            () = sleep_until(deadline) => {}
        }
    }

    fn take_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let (key, error) = match done {
            Ok(Done::Bound(key, result)) => {
                self.reserved
                    .retain(|_, holder| *holder != key || result.is_ok());
                match result {
                    Ok(()) => return,
                    Err(error) => (key, error),
                }
            }
            Ok(Done::Said) => return,
            Err(error) => {
                tracing::error!("a write of the scheduler ended early: {}", Chain(&error));
                return;
            }
        };
        tracing::warn!(pod = %key, "{}", Chain(&error));
        self.give_up_place(&key, &error);
    }

    fn say<F>(&mut self, write: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.writes.spawn(async move {
            write.await;
            Done::Said
        });
    }
}

fn name_of(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

/// A waiting pod, if it still waits.
fn waiting(pods: &Cache<Pod>, key: &ObjectKey) -> Option<Arc<Pod>> {
    pods.get(key).filter(|pod| crate::pod::is_waiting(pod))
}
