//! All simulated pods of all simulated nodes, with one ordered queue of timers.
//!
//! Nothing here waits or speaks to the API: changes and time go in, writes come out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::core::v1::PodStatus;
use seatrial_clock::Random;
use seatrial_controller::{Notice, ObjectKey, is_terminating, key_of};

use super::behaviour::Behaviour;
use super::pod::{Simulation, Turn, Write};
use crate::address::Pool;
use crate::admission::{HostPort, Refusal, any_clash, host_ports};
use crate::status::pod_status;

/// What is to be written. One at a time for each pod.
#[derive(Debug)]
pub(super) enum Effect {
    /// Write the pod's status, then its events.
    Status(Arc<Pod>, Box<PodStatus>, Vec<Notice>),
    /// Delete the pod without grace.
    Delete(Arc<Pod>),
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Done, or pointless because the pod is gone.
    Settled,
    /// To be tried again.
    Failed,
}

/// The pods and when something happens to them.
pub(super) struct Fleet {
    nodes: BTreeMap<Arc<str>, Node>,
    pods: BTreeMap<ObjectKey, Entry>,
    timers: BTreeSet<(Timestamp, u64, ObjectKey)>,
    /// Numbers the timers, so that those of one moment go off in the order in which they were set.
    sequence: u64,
    effects: VecDeque<Effect>,
    behaviour: Arc<Behaviour>,
    random: Random,
}

/// A simulated node as the fleet needs it.
pub(super) struct Node {
    pub(super) host: IpAddr,
    pub(super) addresses: Pool,
    /// How many pods it takes.
    pub(super) capacity: u32,
    pub(super) pods: u32,
    /// The pods that want ports of the node.
    pub(super) ports: BTreeMap<ObjectKey, Vec<HostPort>>,
}

/// What is known of a pod. A large cluster has many, and all of them stay in memory.
struct Entry {
    uid: Box<str>,
    node: Arc<str>,
    /// The pod, while something is to happen to it. Most pods of a large cluster just run.
    pod: Option<Arc<Pod>>,
    /// Whether its containers have ended for good.
    ended: bool,
    simulation: Box<Simulation>,
    timer: Option<(Timestamp, u64)>,
    writing: Writing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Idle,
    Busy,
    /// Busy, and the status has changed meanwhile.
    Stale,
}

impl Node {
    /// Takes the ports of the node that a pod wants, unless another pod has them.
    fn reserve(
        &mut self,
        key: &ObjectKey,
        pod: &Pod,
        ended: impl Fn(&ObjectKey) -> bool,
    ) -> Result<(), Refusal> {
        let wanted = host_ports(pod);
        if wanted.is_empty() {
            return Ok(());
        }
        let begun = pod
            .status
            .as_ref()
            .is_some_and(|it| it.start_time.is_some());
        let others = self.ports.iter().filter(|(key, _)| !ended(key));
        // What an earlier process of ours let begin goes on.
        if !begun && any_clash(&wanted, others.flat_map(|(_, ports)| ports)) {
            return Err(Refusal::ports());
        }
        self.ports.insert(key.clone(), wanted);
        Ok(())
    }

    /// Gives a pod an address, or turns it away where the node is full.
    fn take_in(
        &mut self,
        pod: &Pod,
        behaviour: &Arc<Behaviour>,
        (random, now): (&Random, Timestamp),
    ) -> Simulation {
        self.pods += 1;
        let status = pod.status.as_ref();
        let before = status.and_then(|status| status.pod_ip.as_deref());
        let before = before.and_then(|address| address.parse().ok());
        let address = match pod.spec.as_ref().and_then(|spec| spec.host_network) {
            _ if self.pods > self.capacity && before.is_none() => None,
            Some(true) => Some(self.host),
            _ => before.or_else(|| self.addresses.take()),
        };
        if address.is_some() {
            return Simulation::new(pod, behaviour, address, self.host, (random, now));
        }
        let message = format!(
            "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: {}, \
             capacity: {}",
            self.pods - 1,
            self.capacity
        );
        Simulation::rejected(self.host, "OutOfpods", message, now)
    }
}

impl Fleet {
    pub(super) fn new(nodes: BTreeMap<String, Node>, behaviour: Behaviour, random: Random) -> Self {
        Self {
            nodes: nodes
                .into_iter()
                .map(|(name, node)| (name.into(), node))
                .collect(),
            pods: BTreeMap::new(),
            timers: BTreeSet::new(),
            sequence: 0,
            effects: VecDeque::new(),
            behaviour: Arc::new(behaviour),
            random,
        }
    }

    /// Reserves the address of a pod that an earlier process of ours started. False where it has none.
    pub(super) fn claim(&mut self, pod: &Pod) -> bool {
        let node = node_name(pod).and_then(|name| self.nodes.get_mut(name));
        let status = pod.status.as_ref();
        let address = status.and_then(|status| status.pod_ip.as_deref());
        let Some(Ok(address)) = address.map(str::parse) else {
            return false;
        };
        if let Some(node) = node {
            node.addresses.claim(address);
        }
        true
    }

    /// A pod appeared or changed.
    pub(super) fn applied(&mut self, pod: &Arc<Pod>, now: Timestamp) {
        let Some(name) = node_name(pod).filter(|name| self.nodes.contains_key(*name)) else {
            return;
        };
        let key = key_of(&**pod);
        match self.pods.get_mut(&key) {
            Some(entry) if *entry.uid == *uid(pod) => {
                (entry.pod, entry.ended) = (Some(pod.clone()), has_ended(pod));
            }
            Some(_) => {
                self.removed_key(&key);
                self.arrived(name, key.clone(), pod, now);
            }
            None => self.arrived(name, key.clone(), pod, now),
        }
        self.turn(&key, now);
    }

    /// A pod is gone.
    pub(super) fn removed(&mut self, pod: &Pod) {
        let key = key_of(pod);
        if self
            .pods
            .get(&key)
            .is_some_and(|entry| *entry.uid == *uid(pod))
        {
            self.removed_key(&key);
        }
    }

    fn removed_key(&mut self, key: &ObjectKey) {
        let Some(entry) = self.pods.remove(key) else {
            return;
        };
        if let Some((due, sequence)) = entry.timer {
            self.timers.remove(&(due, sequence, key.clone()));
        }
        if let Some(node) = self.nodes.get_mut(&entry.node) {
            node.pods -= 1;
            node.ports.remove(key);
            if let Some(address) = entry.simulation.address() {
                node.addresses.give_back(address);
            }
        }
    }

    fn arrived(&mut self, name: &str, key: ObjectKey, pod: &Arc<Pod>, now: Timestamp) {
        let Some((known, _)) = self.nodes.get_key_value(name) else {
            return;
        };
        let known = known.clone();
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        let arrival = (&self.random, now);
        let pods = &self.pods;
        let ended = |key: &ObjectKey| pods.get(key).is_none_or(|entry| entry.ended);
        let mut simulation = match node.reserve(&key, pod, ended) {
            Ok(()) => node.take_in(pod, &self.behaviour, arrival),
            Err(refusal) => {
                node.pods += 1;
                let message = refusal.message();
                Simulation::rejected(node.host, &refusal.reason, message, now)
            }
        };
        let resumed = simulation.resume(pod, &self.random);
        let mut entry = Entry {
            uid: uid(pod).into(),
            node: known,
            pod: Some(pod.clone()),
            ended: has_ended(pod),
            simulation: Box::new(simulation),
            timer: None,
            writing: Writing::Idle,
        };
        let waits = entry.simulation.due().is_none_or(|due| due > now);
        if waits && !resumed && !is_terminating(&**pod) {
            let notices = entry.simulation.refusal().into_iter().collect();
            // Whatever takes time is seen as `ContainerCreating` (or as refused) meanwhile.
            Self::write(
                &mut self.effects,
                &mut entry,
                Turn {
                    status: Write::Status,
                    notices,
                },
                now,
            );
        }
        self.pods.insert(key, entry);
    }

    /// Lets everything happen that is due.
    pub(super) fn fire(&mut self, now: Timestamp) {
        while let Some((due, _, key)) = self.timers.first().cloned() {
            if due > now {
                return;
            }
            self.timers.pop_first();
            if let Some(entry) = self.pods.get_mut(&key) {
                entry.timer = None;
            }
            self.turn(&key, now);
        }
    }

    /// When the next timer goes off.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _, _)| *due)
    }

    /// The next thing to write.
    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// A write has come back.
    pub(super) fn written(&mut self, pod: &Pod, written: Written, now: Timestamp) {
        let key = key_of(pod);
        let Some(entry) = self.pods.get_mut(&key) else {
            return;
        };
        if *entry.uid != *uid(pod) {
            return;
        }
        let stale = entry.writing == Writing::Stale;
        entry.writing = Writing::Idle;
        if written == Written::Failed || stale {
            let status = if is_deleting(entry, now) {
                Write::Deletion
            } else {
                Write::Status
            };
            Self::write(
                &mut self.effects,
                entry,
                Turn {
                    status,
                    notices: Vec::new(),
                },
                now,
            );
        }
        entry.rest();
    }

    /// Brings one pod up to now and sets its timer.
    fn turn(&mut self, key: &ObjectKey, now: Timestamp) {
        let Some(entry) = self.pods.get_mut(key) else {
            return;
        };
        let Some(pod) = entry.pod.clone() else {
            return;
        };
        if is_terminating(&*pod) {
            entry.simulation.stop(&pod, &self.random, now);
        }
        let turn = entry.simulation.advance(&pod, &self.random, now);
        let due = entry.simulation.due().filter(|due| *due > now);
        Self::write(&mut self.effects, entry, turn, now);
        if entry.timer.map(|(due, _)| due) == due {
            entry.rest();
            return;
        }
        if let Some((due, sequence)) = entry.timer.take() {
            self.timers.remove(&(due, sequence, key.clone()));
        }
        if let Some(due) = due {
            self.sequence += 1;
            entry.timer = Some((due, self.sequence));
            self.timers.insert((due, self.sequence, key.clone()));
        }
        entry.rest();
    }

    fn write(effects: &mut VecDeque<Effect>, entry: &mut Entry, turn: Turn, now: Timestamp) {
        let Some(pod) = entry.pod.clone() else {
            return;
        };
        match (turn.status, entry.writing) {
            (Write::Nothing, _) => return,
            (_, Writing::Busy | Writing::Stale) => {
                entry.writing = Writing::Stale;
                return;
            }
            (Write::Status, Writing::Idle) => {
                let status = pod_status(&pod, &entry.simulation.view(&pod), now);
                effects.push_back(Effect::Status(pod, Box::new(status), turn.notices));
            }
            (Write::Deletion, Writing::Idle) => {
                effects.push_back(Effect::Delete(pod));
            }
        }
        entry.writing = Writing::Busy;
    }
}

impl Entry {
    /// Lets go of the pod where nothing will happen to it before it changes.
    fn rest(&mut self) {
        if self.writing == Writing::Idle && self.timer.is_none() {
            self.pod = None;
        }
    }
}

fn is_deleting(entry: &Entry, now: Timestamp) -> bool {
    entry.pod.as_deref().is_some_and(is_terminating)
        && entry.simulation.due().is_some_and(|due| due <= now)
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())
}
