//! The nodes and what is on them, kept incrementally.
//!
//! ```text
//!   Cluster: hosts by slot ─┬─ census   matching pods per slot, for every constraint in use
//!                           ├─ wishes   what placed pods mean for others, per slot
//!                           └─ domains  the value of a label per slot
//! ```
//!
//! A slot is a node's number; it stays while the node does. Counts per slot are what makes a decision
//! cost the number of nodes and not the number of pods.

mod census;
mod domains;
mod host;
mod images;
mod order;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use seatrial_controller::ObjectKey;

use self::census::Census;
use self::domains::Index;
pub(crate) use self::domains::{Domains, NOWHERE};
pub(crate) use self::host::{Host, NodeChange};
use self::images::Images;
use self::order::Order;
pub(crate) use self::order::enough;
use self::templates::Templates;
use crate::pod::{Demand, Wish};
use crate::query::{Labels, PodQuery};

/// A pod that has a place, assumed or confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) node: Arc<str>,
    pub(crate) demand: Arc<Demand>,
}

/// All nodes, and where each placed pod is.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    hosts: Vec<Option<Host>>,
    slots: BTreeMap<Arc<str>, usize>,
    order: Order,
    /// Pods on nodes that are not (or no longer) known keep their entry here.
    placed: BTreeMap<ObjectKey, Placed>,
    templates: Templates,
    census: Census,
    wishes: BTreeMap<Arc<Wish>, Vec<i64>>,
    domains: Index,
    namespaces: BTreeMap<String, Labels>,
    /// How many nodes have an image.
    images: Images,
    /// Pods that other pods made way for, and which node they count on.
    nominated: BTreeMap<ObjectKey, Placed>,
}

static NO_LABELS: Labels = Labels::new();

impl Cluster {
    /// The known nodes, in the order of their names.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (usize, &Host)> {
        self.slots
            .values()
            .filter_map(|slot| Some((*slot, self.host(*slot)?)))
    }

    /// The node in a slot.
    pub(crate) fn host(&self, slot: usize) -> Option<&Host> {
        self.hosts.get(slot)?.as_ref()
    }

    /// A node's slot.
    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slots as they are to be looked at, zones in turn, from where the last search ended.
    pub(crate) fn order(&mut self) -> &mut Order {
        let hosts = &self.hosts;
        let slots = self.slots.values();
        self.order.refresh(|| {
            slots
                .filter_map(|slot| Some((*slot, hosts.get(*slot)?.as_ref()?.zone())))
                .collect()
        });
        &mut self.order
    }

    /// Where a pod is placed or assumed.
    pub(crate) fn placed(&self, key: &ObjectKey) -> Option<&Placed> {
        self.placed.get(key)
    }

    /// Takes in a node's present state. Says what changed of it.
    pub(crate) fn set_node(&mut self, node: &Node) -> Vec<NodeChange> {
        let fresh = Host::of(node);
        self.count_images(&fresh.name, &fresh.images);
        let Some(slot) = self.slot(&fresh.name) else {
            self.add_node(fresh);
            return vec![NodeChange::Added];
        };
        let Some(host) = self.hosts.get_mut(slot).and_then(Option::as_mut) else {
            return Vec::new();
        };
        let changes = host.update(fresh);
        if changes.contains(&NodeChange::Labels) {
            self.domains.clear();
            self.order.stale();
        }
        changes
    }

    /// How many nodes have this image.
    pub(crate) fn nodes_with(&self, image: &str) -> usize {
        self.images.nodes_with(image)
    }

    /// Counts a node's images in place of those it had.
    fn count_images(&mut self, name: &str, images: &BTreeMap<String, i64>) {
        let before = self.slots.get(name);
        let before = before.and_then(|slot| self.hosts.get(*slot)?.as_ref());
        let none = BTreeMap::new();
        let before = before.map_or(&none, |host| &host.images);
        self.images.replace(before, images);
    }

    fn add_node(&mut self, host: Host) {
        let free = self.hosts.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.hosts.len());
        let name = host.name.clone();
        if free.is_none() {
            self.hosts.push(None);
        }
        self.hosts[slot] = Some(host);
        self.slots.insert(name.clone(), slot);
        self.domains.clear();
        self.order.stale();
        let there: Vec<_> = self
            .placed
            .iter()
            .filter(|(_, placed)| placed.node == name)
            .map(|(key, placed)| (key.clone(), placed.demand.clone()))
            .collect();
        for (key, demand) in there {
            self.put(slot, key, &demand);
        }
    }

    /// The node is gone. Its pods keep their place on record, should it come back.
    pub(crate) fn remove_node(&mut self, name: &str) {
        let Some(slot) = self.slots.get(name).copied() else {
            return;
        };
        let pods: Vec<_> = self
            .host(slot)
            .map(|host| host.pods.clone().into_iter().collect())
            .unwrap_or_default();
        for (key, demand) in pods {
            self.take(slot, &key, &demand);
        }
        self.count_images(name, &BTreeMap::new());
        self.slots.remove(name);
        self.hosts[slot] = None;
        self.domains.clear();
        self.order.stale();
    }

    /// Takes in the labels of a namespace. True where they changed.
    pub(crate) fn set_namespace(&mut self, name: &str, labels: Option<Labels>) -> bool {
        let before = match labels.clone() {
            Some(labels) => self.namespaces.insert(name.to_owned(), labels),
            None => self.namespaces.remove(name),
        };
        let changed = before != labels;
        if changed {
            // Any count may depend on them.
            self.census.clear();
        }
        changed
    }

    pub(crate) fn labels_of(&self, namespace: &str) -> &Labels {
        self.namespaces.get(namespace).unwrap_or(&NO_LABELS)
    }

    /// A pod is on a node, or is assumed to be.
    pub(crate) fn place(&mut self, key: &ObjectKey, node: &str, demand: &Arc<Demand>) {
        if self
            .placed
            .get(key)
            .is_some_and(|placed| &*placed.node == node && placed.demand == *demand)
        {
            return;
        }
        self.remove(key);
        let demand = &self.templates.share(demand);
        let slot = self.slot(node);
        let node = slot
            .and_then(|slot| Some(self.host(slot)?.name.clone()))
            .unwrap_or_else(|| node.into());
        if let Some(slot) = slot {
            self.put(slot, key.clone(), demand);
        }
        let placed = Placed {
            node,
            demand: demand.clone(),
        };
        self.placed.insert(key.clone(), placed);
    }

    /// A pod no longer takes room. Says where it was.
    pub(crate) fn remove(&mut self, key: &ObjectKey) -> Option<Placed> {
        let placed = self.placed.remove(key)?;
        if let Some(slot) = self.slot(&placed.node) {
            self.take(slot, key, &placed.demand);
        }
        Some(placed)
    }

    fn put(&mut self, slot: usize, key: ObjectKey, demand: &Arc<Demand>) {
        self.count(slot, demand, 1);
        if let Some(host) = self.hosts.get_mut(slot).and_then(Option::as_mut) {
            host.put(key, demand.clone());
        }
    }

    fn take(&mut self, slot: usize, key: &ObjectKey, demand: &Demand) {
        self.count(slot, demand, -1);
        if let Some(host) = self.hosts.get_mut(slot).and_then(Option::as_mut) {
            host.take(key);
        }
    }

    fn count(&mut self, slot: usize, demand: &Demand, by: i64) {
        let home = self.namespaces.get(&demand.namespace);
        self.census
            .count(slot, demand, home.unwrap_or(&NO_LABELS), by);
        for wish in &demand.wishes {
            let counts = self.wishes.entry(wish.clone()).or_default();
            if counts.len() <= slot {
                counts.resize(slot + 1, 0);
            }
            counts[slot] += by;
            if by < 0 && counts.iter().all(|count| *count == 0) {
                self.wishes.remove(wish);
            }
        }
    }

    /// What placed pods wish of others, with the number of those pods per slot.
    pub(crate) fn wishes(&self) -> impl Iterator<Item = (&Wish, &[i64])> {
        self.wishes
            .iter()
            .map(|(wish, counts)| (&**wish, counts.as_slice()))
    }

    /// How many placed pods match, per slot. Slots past the end have none.
    pub(crate) fn matching(&mut self, query: &Arc<PodQuery>) -> Arc<Vec<i64>> {
        let (hosts, namespaces) = (&self.hosts, &self.namespaces);
        self.census.counts(query, || {
            let mut counts = vec![0; hosts.len()];
            for (slot, host) in hosts.iter().enumerate() {
                let pods = host.iter().flat_map(|host| host.pods.values());
                let matching = pods.filter(|pod| {
                    let home = namespaces.get(&pod.namespace).unwrap_or(&NO_LABELS);
                    query.matches(pod, home)
                });
                counts[slot] = matching.count() as i64;
            }
            counts
        })
    }

    /// The values of a node label.
    pub(crate) fn domains(&mut self, label: &str) -> Arc<Domains> {
        let hosts = &self.hosts;
        self.domains.of(label, hosts)
    }

    /// A pod counts on a node that others are leaving for it; nothing takes that back.
    pub(crate) fn nominate(&mut self, key: &ObjectKey, node: Option<(&str, &Arc<Demand>)>) {
        match node {
            Some((node, demand)) => {
                let placed = Placed {
                    node: node.into(),
                    demand: demand.clone(),
                };
                self.nominated.insert(key.clone(), placed);
            }
            None => {
                self.nominated.remove(key);
            }
        }
    }

    /// The pods that count on nodes, without a place yet.
    pub(crate) fn nominated(&self) -> impl Iterator<Item = (&ObjectKey, &Placed)> {
        self.nominated.iter()
    }
}
