//! PodDisruptionBudget: how many of the pods it covers may be evicted now.
//!
//! Flow: the pods that the selector matches, and the sizes of the controllers that made them → how
//! many must be healthy, how many are → status, which the `eviction` subresource reads and counts
//! down. Guarantees: where the wanted size cannot be known, nothing may be evicted.

mod plan;
mod scales;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::Selector;
use seatrial_controller::{
    Cache, Caches, Context, ObjectKey, Outcome, Reconciler, Static, Watches, controller_of, key_of,
};

use self::plan::{Scale, decide};
use crate::selector;

/// The controller of PodDisruptionBudgets.
pub struct Disruptions;

impl Reconciler for Disruptions {
    const NAME: &'static str = "disruption-controller";
    type Object = PodDisruptionBudget;
    type Error = std::convert::Infallible;

    fn watches(&self, watches: &mut Watches<PodDisruptionBudget>) {
        watches.mapped::<Pod, _>(budgets_of);
        watches.mapped::<Deployment, _>(beside);
        watches.mapped::<ReplicaSet, _>(beside);
        watches.mapped::<StatefulSet, _>(beside);
    }

    async fn reconcile(
        &self,
        budget: Arc<PodDisruptionBudget>,
        ctx: &Context,
    ) -> Result<Outcome, Self::Error> {
        let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
        let pods = match selector_of(&budget) {
            Some(selector) => ctx.cache::<Pod>().await.list_matching(namespace, &selector),
            None => Vec::new(),
        };
        let sizes = Sizes {
            deployments: ctx.cache().await,
            replica_sets: ctx.cache().await,
            stateful_sets: ctx.cache().await,
            replication_controllers: ctx.cache().await,
        };
        let scales = if plan::asks_for_sizes(&budget) {
            scales::of(&pods, ctx).await
        } else {
            BTreeMap::new()
        };
        let scale = |pod: &Pod| sizes.of(pod, &scales);
        let plan = decide(&budget, &pods, scale, ctx.clock.now());
        let outcome = plan.next.map_or_else(Outcome::settled, Outcome::waiting);
        Ok(outcome.with_status(plan.status).with_events(plan.events))
    }
}

/// The budget's selector; an empty one covers every pod, none covers none.
fn selector_of(budget: &PodDisruptionBudget) -> Option<Selector> {
    let selector = budget.spec.as_ref()?.selector.as_ref()?;
    Selector::try_from(selector.clone()).ok()
}

fn budgets_of(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let budgets = caches.of::<PodDisruptionBudget>().list(namespace);
    budgets
        .iter()
        .filter(|budget| {
            selector_of(budget).is_some_and(|one| selector::matches(&one, &pod.metadata))
        })
        .map(|budget| key_of(&**budget))
        .collect()
}

/// The size of a workload may matter to every budget in its namespace.
fn beside<K: Static>(workload: &K, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = workload.meta().namespace.as_deref().unwrap_or_default();
    let budgets = caches.of::<PodDisruptionBudget>().list(namespace);
    budgets.iter().map(|budget| key_of(&**budget)).collect()
}

/// What knows how many pods a controller wants.
struct Sizes {
    deployments: Cache<Deployment>,
    replica_sets: Cache<ReplicaSet>,
    stateful_sets: Cache<StatefulSet>,
    replication_controllers: Cache<ReplicationController>,
}

impl Sizes {
    fn of(&self, pod: &Pod, others: &BTreeMap<String, Scale>) -> Scale {
        let Some(owner) = controller_of(pod) else {
            return Scale::Nobody;
        };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let name = owner.name.as_str();
        let size = match owner.kind.as_str() {
            "ReplicaSet" => self.replica_sets.find(namespace, name).map(|set| {
                let above = controller_of(&*set).filter(|owner| owner.kind == "Deployment");
                let above = above.and_then(|owner| self.deployments.find(namespace, &owner.name));
                match above {
                    Some(deployment) => deployment.spec.as_ref().and_then(|spec| spec.replicas),
                    None => set.spec.as_ref().and_then(|spec| spec.replicas),
                }
            }),
            "StatefulSet" => self
                .stateful_sets
                .find(namespace, name)
                .map(|set| set.spec.as_ref().and_then(|spec| spec.replicas)),
            "ReplicationController" => self
                .replication_controllers
                .find(namespace, name)
                .map(|set| set.spec.as_ref().and_then(|spec| spec.replicas)),
            _ => {
                let found = others.get(&owner.uid).cloned();
                return found.unwrap_or_else(|| nobody_for(pod));
            }
        };
        match size {
            Some(replicas) => Scale::Of(owner.uid.clone(), replicas.unwrap_or(1)),
            None => nobody_for(pod),
        }
    }
}

/// Whether the sizes of controllers of this kind are known from caches.
fn is_known(kind: &str) -> bool {
    matches!(kind, "ReplicaSet" | "StatefulSet" | "ReplicationController")
}

fn nobody_for(pod: &Pod) -> Scale {
    let pod = pod.metadata.name.as_deref().unwrap_or_default();
    Scale::Unknown(format!("found no controllers for pod \"{pod}\""))
}
