//! The nodes and what is on them, kept incrementally.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};
use seatrial_controller::ObjectKey;

use crate::amount::Amounts;
use crate::pod::Demand;
use crate::terms::Labels;

/// One node and the sum of what is on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    pub(crate) labels: Labels,
    pub(crate) taints: Vec<Taint>,
    pub(crate) cordoned: bool,
    pub(crate) room: Amounts,
    pub(crate) used: Amounts,
    /// As `used`, but with a minimum for pods that request nothing, so that those spread too.
    pub(crate) weighed: Amounts,
    pub(crate) pods: BTreeMap<ObjectKey, Arc<Demand>>,
}

/// What a pod without requests is taken to need when nodes are compared (upstream's defaults).
const LEAST: [(&str, i64); 2] = [("cpu", 100), ("memory", 200 * 1024 * 1024)];

pub(crate) fn weigh(demand: &Demand) -> Amounts {
    let mut weighed = Amounts::default();
    for (name, least) in LEAST {
        let asked = demand.requests.get(name);
        weighed.set(name, if asked == 0 { least } else { asked });
    }
    weighed
}

impl Host {
    fn put(&mut self, key: ObjectKey, demand: Arc<Demand>) {
        self.take(&key);
        self.used.add(&demand.requests);
        self.weighed.add(&weigh(&demand));
        self.pods.insert(key, demand);
    }

    fn take(&mut self, key: &ObjectKey) {
        if let Some(demand) = self.pods.remove(key) {
            self.used.subtract(&demand.requests);
            self.weighed.subtract(&weigh(&demand));
        }
    }
}

/// All nodes, in the order of their names, and where each placed pod is.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    hosts: BTreeMap<String, Host>,
    /// Pods on nodes that are not (or no longer) known keep their entry here.
    placed: BTreeMap<ObjectKey, (String, Arc<Demand>)>,
    /// How many placed pods keep others away.
    pub(crate) repelling: usize,
}

impl Cluster {
    /// The known nodes.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&str, &Host)> {
        self.hosts.iter().map(|(name, host)| (name.as_str(), host))
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether the pod has a place, assumed or confirmed.
    pub(crate) fn has(&self, key: &ObjectKey) -> bool {
        self.placed.contains_key(key)
    }

    /// Takes in a node's present state. True where a pod that did not fit may fit now.
    pub(crate) fn set_node(&mut self, node: &Node) -> bool {
        let name = node.metadata.name.clone().unwrap_or_default();
        let spec = node.spec.as_ref();
        let allocatable = node
            .status
            .as_ref()
            .and_then(|status| status.allocatable.as_ref());
        let capacity = node
            .status
            .as_ref()
            .and_then(|status| status.capacity.as_ref());
        let labels = node.metadata.labels.clone().unwrap_or_default();
        let taints = spec
            .and_then(|spec| spec.taints.clone())
            .unwrap_or_default();
        let cordoned = spec.and_then(|spec| spec.unschedulable).unwrap_or(false);
        let room = Amounts::of(allocatable.or(capacity));
        if let Some(host) = self.hosts.get_mut(&name) {
            let same = host.labels == labels
                && host.taints == taints
                && host.cordoned == cordoned
                && host.room == room;
            (host.labels, host.taints, host.cordoned, host.room) = (labels, taints, cordoned, room);
            return !same;
        }
        let mut host = Host {
            labels,
            taints,
            cordoned,
            room,
            ..Host::default()
        };
        for (key, (at, demand)) in &self.placed {
            if *at == name {
                host.put(key.clone(), demand.clone());
            }
        }
        self.hosts.insert(name, host);
        true
    }

    /// The node is gone. Its pods keep their place on record, should it come back.
    pub(crate) fn remove_node(&mut self, name: &str) {
        self.hosts.remove(name);
    }

    /// A pod is on a node, or is assumed to be.
    pub(crate) fn place(&mut self, key: &ObjectKey, node: &str, demand: &Arc<Demand>) {
        if self
            .placed
            .get(key)
            .is_some_and(|(at, known)| at == node && same(known, demand))
        {
            return;
        }
        self.remove(key);
        self.repelling += usize::from(!demand.apart.is_empty());
        self.placed
            .insert(key.clone(), (node.to_owned(), demand.clone()));
        if let Some(host) = self.hosts.get_mut(node) {
            host.put(key.clone(), demand.clone());
        }
    }

    /// A pod no longer takes room. True where it did.
    pub(crate) fn remove(&mut self, key: &ObjectKey) -> bool {
        let Some((node, demand)) = self.placed.remove(key) else {
            return false;
        };
        self.repelling -= usize::from(!demand.apart.is_empty());
        if let Some(host) = self.hosts.get_mut(&node) {
            host.take(key);
        }
        true
    }
}

/// Whether nothing changed that others are placed by.
fn same(one: &Demand, other: &Demand) -> bool {
    one.labels == other.labels && one.requests == other.requests
}
