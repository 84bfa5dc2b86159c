//! The scheduler's decisions without a cluster: what would go where.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_controller::key_of;

use crate::cluster::Cluster;
use crate::decide::{Ask, decide};
use crate::pod::Demand;
use crate::query::Selection;
use crate::spread::Constraint;
use crate::volume::Needs;

/// Why a pod has no place, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unschedulable(String);

/// Nodes, and the pods that were placed on them. Claims are not looked at.
#[derive(Debug, Default)]
pub struct Board(Cluster);

impl Board {
    /// Takes in a node's present state.
    pub fn set_node(&mut self, node: &Node) {
        self.0.set_node(node);
    }

    /// Places a pod and says on which node. Pods that `siblings` selects are spread where the pod
    /// itself says nothing of it, as those of one controller are.
    ///
    /// # Errors
    /// Where no node does.
    pub fn place(
        &mut self,
        pod: &Pod,
        siblings: Option<&LabelSelector>,
    ) -> Result<Arc<str>, Unschedulable> {
        let (key, demand) = (key_of(pod), Arc::new(Demand::of(pod)));
        let siblings = siblings.cloned().map(Selection::of);
        let defaults = siblings
            .map(|siblings| Constraint::defaults(&demand.namespace, siblings))
            .unwrap_or_default();
        let ask = Ask {
            key: &key,
            demand: &demand,
            volumes: &Needs::default(),
            defaults: &defaults,
            nominated: None,
        };
        let slot = decide(&ask, &mut self.0).map_err(|unfit| Unschedulable(unfit.message(None)))?;
        let name = self.0.host(slot).map(|host| host.name.clone());
        let name = name.unwrap_or_default();
        self.0.place(&key, &name, &demand);
        Ok(name)
    }

    /// Takes a pod away.
    pub fn remove(&mut self, pod: &Pod) {
        self.0.remove(&key_of(pod));
    }
}
