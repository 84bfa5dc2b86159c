//! Following the cluster: a worker for each pod of the node, and news for those it concerns.

use std::fs;
use std::sync::{Arc, PoisonError};

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use seatrial_controller::{Cache, Change, ObjectKey, key_of};
use tokio::task::JoinSet;

use super::sources::References;
use super::worker::{Message, Worker};
use super::{Error, Notices, Phase, Shared, handle, sysctl};
use crate::admission::{self, Demand, Refusal};
use crate::registration::keep_alive;
use crate::runtime::sandbox::remove_tree;

/// Runs the node until it is told to stop.
pub(super) async fn run(shared: &Arc<Shared>) -> Result<(), Error> {
    let inbox = shared
        .inbox
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let begun = shared.begin().await;
    if begun.is_ok() {
        work(shared, inbox).await;
    }
    shared.stopping.send_replace(Phase::Stopped);
    begun
}

async fn work(shared: &Arc<Shared>, inbox: Option<Notices>) {
    let config = &shared.config;
    let heart = keep_alive(
        shared.ctx.clone(),
        vec![config.node.clone()],
        config.heartbeat,
    );
    let mut workers = JoinSet::new();
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|phase| *phase != Phase::Running) => {}
        _ = heart => {}
        () = publish(shared, inbox) => {}
        () = follow(shared, &mut workers) => {}
    }
    while workers.join_next().await.is_some() {}
}

/// Emits events, one after the other, so that they are in order.
async fn publish(shared: &Arc<Shared>, inbox: Option<Notices>) {
    let Some(mut inbox) = inbox else {
        return std::future::pending().await;
    };
    while let Some((about, notice)) = inbox.recv().await {
        shared.ctx.recorder.publish(&about, &notice).await;
    }
}

async fn follow(shared: &Arc<Shared>, workers: &mut JoinSet<()>) {
    let pods: Cache<Pod> = shared.ctx.cache().await;
    let maps: Cache<ConfigMap> = shared.ctx.cache().await;
    let secrets: Cache<Secret> = shared.ctx.cache().await;
    let nodes: Cache<Node> = shared.ctx.cache().await;
    forget(shared, &pods);
    claim(shared, &pods);
    let known = Known { pods, nodes };
    let mut pods = known.pods.subscribe();
    let mut maps = maps.subscribe();
    let mut secrets = secrets.subscribe();
    loop {
        tokio::select! {
            biased;
            Some(_) = workers.join_next() => {}
            Some(change) = pods.recv() => pod_changed(shared, workers, &known, change),
            Some(change) = maps.recv() => {
                let key = key_of(&**change.object());
                source_changed(shared, &key, |references| references.config_maps.contains(&*key.name));
            }
            Some(change) = secrets.recv() => {
                let key = key_of(&**change.object());
                source_changed(shared, &key, |references| references.secrets.contains(&*key.name));
            }
            else => return,
        }
    }
}

/// What the agent looks up beside what it follows.
struct Known {
    pods: Cache<Pod>,
    nodes: Cache<Node>,
}

/// Whether the node takes a new pod, and what the pod then has of it.
fn admit(shared: &Shared, known: &Known, pod: &Pod) -> Result<Arc<Demand>, Refusal> {
    let demand = Arc::new(Demand::of(pod));
    let status = pod.status.as_ref();
    if status.is_some_and(|status| status.start_time.is_some()) {
        // An earlier agent took it.
        return Ok(demand);
    }
    if let Some(refusal) = sysctl::refusal(pod) {
        return Err(refusal);
    }
    let others: Vec<Arc<Demand>> = shared
        .pods()
        .iter()
        .filter(|(key, entry)| stays(known, key, entry))
        .filter_map(|(_, entry)| entry.demand.clone())
        .collect();
    let own = &shared.config.node;
    let node = known.nodes.find("", &own.name);
    let node = node.unwrap_or_else(|| Arc::new(own.object(shared.ctx.clock.now())));
    admission::admit(pod, &demand, &node, &others).map(|()| demand)
}

/// Whether a pod still has what it took: it is there, and has not ended. The API is asked, as the scheduler does, or the two would
/// disagree about a pod that was removed by force.
fn stays(known: &Known, key: &ObjectKey, entry: &handle::Entry) -> bool {
    let Some(pod) = known.pods.get(key) else {
        return false;
    };
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    pod.metadata.uid.as_deref() == Some(&entry.uid)
        && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_ours(shared: &Shared, pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node == Some(&shared.config.node.name)
}

/// Deletes the files of pods that are gone.
fn forget(shared: &Shared, pods: &Cache<Pod>) {
    let Ok(entries) = fs::read_dir(shared.all()) else {
        return;
    };
    let present: Vec<_> = pods.all();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let known = present
            .iter()
            .any(|pod| pod.metadata.uid.as_deref() == name.to_str());
        if !known && let Err(error) = remove_tree(&entry.path()) {
            tracing::warn!("remove {}: {error}", entry.path().display());
        }
    }
}

/// Keeps the addresses of pods that an earlier agent ran for them.
fn claim(shared: &Shared, pods: &Cache<Pod>) {
    let mut addresses = shared.addresses();
    for pod in pods.all().iter().filter(|pod| is_ours(shared, pod)) {
        let address = pod
            .status
            .as_ref()
            .and_then(|status| status.pod_ip.as_deref());
        if let Some(Ok(address)) = address.map(str::parse) {
            addresses.claim(address);
        }
    }
}

fn pod_changed(
    shared: &Arc<Shared>,
    workers: &mut JoinSet<()>,
    around: &Known,
    change: Change<Pod>,
) {
    let pod = change.object().clone();
    if !is_ours(shared, &pod) {
        return;
    }
    let key = key_of(&*pod);
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let known = shared.pods().get(&key).cloned();
    let same = known.as_ref().is_some_and(|entry| entry.uid == uid);
    // A worker that has ended no longer reads its mailbox; its pod is gone then.
    match (change, known) {
        (Change::Applied { .. }, Some(entry)) if same => {
            let _ = entry.mailbox.send(Message::Pod(pod));
        }
        (Change::Applied { .. }, other) => {
            if let Some(other) = other {
                let _ = other.mailbox.send(Message::Gone);
            }
            let live = handle::Live::default();
            let references = References::of(&pod);
            let admitted = admit(shared, around, &pod);
            let (mut worker, mailbox) = Worker::new(shared.clone(), pod, live.clone());
            if let Err(refusal) = &admitted {
                worker.refuse(refusal);
            }
            shared.pods().insert(
                key,
                handle::Entry {
                    uid,
                    mailbox,
                    references,
                    live,
                    demand: admitted.ok(),
                },
            );
            workers.spawn(worker.run());
        }
        (Change::Removed(_), Some(entry)) if same => {
            let _ = entry.mailbox.send(Message::Gone);
        }
        (Change::Removed(_), _) => {}
    }
}

fn source_changed(shared: &Shared, key: &ObjectKey, concerns: impl Fn(&References) -> bool) {
    for (pod, entry) in shared.pods().iter() {
        if pod.namespace == key.namespace && concerns(&entry.references) {
            let _ = entry.mailbox.send(Message::Sources);
        }
    }
}
