//! One node and the sum of what is on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};
use seatrial_controller::ObjectKey;

use crate::amount::Amounts;
use crate::pod::Demand;
use crate::query::Labels;

/// What changed about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeChange {
    Added,
    Labels,
    Taints,
    Room,
}

/// A node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) labels: Labels,
    pub(crate) taints: Vec<Taint>,
    pub(crate) cordoned: bool,
    /// The sizes of the images that are there, by name.
    pub(crate) images: BTreeMap<String, i64>,
    pub(crate) room: Amounts,
    pub(crate) used: Amounts,
    /// Processor and memory in use, with a minimum for containers that request nothing.
    pub(crate) weighed: (i64, i64),
    pub(crate) pods: BTreeMap<ObjectKey, Arc<Demand>>,
    /// How many pods there are of each priority.
    priorities: BTreeMap<i32, usize>,
}

impl Host {
    pub(super) fn of(node: &Node) -> Self {
        let spec = node.spec.as_ref();
        let status = node.status.as_ref();
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        let capacity = status.and_then(|status| status.capacity.as_ref());
        Self {
            name: node.metadata.name.as_deref().unwrap_or_default().into(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: spec
                .and_then(|spec| spec.taints.clone())
                .unwrap_or_default(),
            cordoned: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
            images: images(node),
            room: Amounts::of(allocatable.or(capacity)),
            ..Self::default()
        }
    }

    /// Takes over what the node says of itself.
    pub(super) fn update(&mut self, fresh: Self) -> Vec<NodeChange> {
        let mut changes = Vec::new();
        if self.labels != fresh.labels {
            self.labels = fresh.labels;
            changes.push(NodeChange::Labels);
        }
        if self.taints != fresh.taints || self.cordoned != fresh.cordoned {
            (self.taints, self.cordoned) = (fresh.taints, fresh.cordoned);
            changes.push(NodeChange::Taints);
        }
        self.images = fresh.images;
        if self.room != fresh.room {
            self.room = fresh.room;
            changes.push(NodeChange::Room);
        }
        changes
    }

    /// The zone, for an even order of search.
    pub(super) fn zone(&self) -> Option<&str> {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        label("topology.kubernetes.io/zone")
            .or_else(|| label("failure-domain.beta.kubernetes.io/zone"))
    }

    /// The least priority of any pod here.
    pub(crate) fn least_priority(&self) -> Option<i32> {
        self.priorities.keys().next().copied()
    }

    pub(super) fn put(&mut self, key: ObjectKey, demand: Arc<Demand>) {
        self.take(&key);
        self.used.add(&demand.requests);
        self.weighed.0 += demand.weighed.0;
        self.weighed.1 += demand.weighed.1;
        *self.priorities.entry(demand.priority).or_default() += 1;
        self.pods.insert(key, demand);
    }

    pub(super) fn take(&mut self, key: &ObjectKey) {
        let Some(demand) = self.pods.remove(key) else {
            return;
        };
        self.used.subtract(&demand.requests);
        self.weighed.0 -= demand.weighed.0;
        self.weighed.1 -= demand.weighed.1;
        if let Some(count) = self.priorities.get_mut(&demand.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&demand.priority);
            }
        }
    }
}

fn images(node: &Node) -> BTreeMap<String, i64> {
    let images = node.status.iter().flat_map(|status| status.images.iter());
    let named = images.flatten().flat_map(|image| {
        let size = image.size_bytes.unwrap_or(0);
        let names = image.names.iter().flatten();
        names.map(move |name| (name.clone(), size))
    });
    named.collect()
}
