//! What else decides where a pod goes: its controller and its services, storage, budgets.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use seatrial_controller::{Cache, Context, ObjectKey, controller_of};

use crate::budget::Budget;
use crate::pod::Demand;
use crate::query::Selection;
use crate::spread::Constraint;
use crate::volume::Storage;

/// What the scheduler reads besides pods and nodes.
pub(crate) struct Surroundings {
    services: Cache<Service>,
    replica_sets: Cache<ReplicaSet>,
    stateful_sets: Cache<StatefulSet>,
    replication_controllers: Cache<ReplicationController>,
    budgets: Cache<PodDisruptionBudget>,
    pub(crate) storage: Storage,
}

impl Surroundings {
    pub(crate) async fn of(ctx: &Context) -> Self {
        Self {
            services: ctx.cache().await,
            replica_sets: ctx.cache().await,
            stateful_sets: ctx.cache().await,
            replication_controllers: ctx.cache().await,
            budgets: ctx.cache().await,
            storage: Storage::of(ctx).await,
        }
    }

    /// The disruption budgets as they stand.
    pub(crate) fn budgets(&self) -> Vec<Budget> {
        let budgets = self.budgets.all();
        budgets
            .iter()
            .filter_map(|budget| Budget::of(budget))
            .collect()
    }

    /// How a pod without spread constraints is spread: over nodes and zones, among the pods of its
    /// services and its controller.
    pub(crate) fn defaults(&self, pod: &Pod, demand: &Demand) -> Vec<Constraint> {
        if !demand.spread.is_empty() {
            return Vec::new();
        }
        let mut selection = Selection::default();
        for service in self.services.list(&demand.namespace) {
            join_service(&mut selection, &service, demand);
        }
        if let Some(own) = self.controller_selection(pod, &demand.namespace) {
            selection.join(own);
        }
        if selection.is_empty() {
            return Vec::new();
        }
        Constraint::defaults(&demand.namespace, selection)
    }

    fn controller_selection(&self, pod: &Pod, namespace: &str) -> Option<Selection> {
        let owner = controller_of(pod)?;
        let key = ObjectKey::new(namespace, owner.name.as_str());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let spec = self.replica_sets.get(&key)?.spec.clone()?;
                Some(Selection::of(spec.selector))
            }
            "StatefulSet" => {
                let spec = self.stateful_sets.get(&key)?.spec.clone()?;
                Some(Selection::of(spec.selector))
            }
            "ReplicationController" => {
                let spec = self.replication_controllers.get(&key)?.spec.clone()?;
                Some(Selection::equal(spec.selector?))
            }
            _ => None,
        }
    }
}

fn join_service(selection: &mut Selection, service: &Arc<Service>, demand: &Demand) {
    let selector = service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.as_ref());
    let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
        return;
    };
    let means = selector
        .iter()
        .all(|(label, value)| demand.labels.get(label) == Some(value));
    if means {
        selection.join(Selection::equal(selector.clone()));
    }
}
