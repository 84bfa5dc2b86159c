//! ReplicationController: what a ReplicaSet is, with the selector as plain labels.
//!
//! Upstream runs the ReplicaSet controller over an adapter; so do we. Everything that is decided,
//! done and reported is [`crate::replica_set`]'s, over a view of the controller as a set. What the
//! API sees (owner references, events, status) names the ReplicationController.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use seatrial_controller::{
    Caches, Context, Delay, ObjectKey, Outcome, Reconciler, Watches, controller_of, key_of,
    owner_reference,
};
use serde_json::{Value, json};

use crate::replica_set::{self, Error};
use crate::selector;

/// The controller of ReplicationControllers.
pub struct ReplicationControllers;

impl Reconciler for ReplicationControllers {
    const NAME: &'static str = "replication-controller";
    type Object = ReplicationController;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<ReplicationController>) {
        watches.owned::<Pod>();
        watches.mapped::<Pod, _>(possible_adopters);
    }

    fn delay(&self) -> Delay {
        replica_set::delay()
    }

    async fn reconcile(
        &self,
        controller: Arc<ReplicationController>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        let set = as_set(&controller).ok_or(Error::NoSpec)?;
        replica_set::keep(&set, &owner_reference(&*controller), ctx).await
    }

    fn failed(
        &self,
        controller: &ReplicationController,
        error: &Error,
        ctx: &Context,
    ) -> Option<Value> {
        replica_set::report(&as_set(controller)?, error, ctx)
    }
}

/// The controller as a set: the same fields, but for the selector.
fn as_set(controller: &ReplicationController) -> Option<ReplicaSet> {
    let mut value = serde_json::to_value(controller).ok()?;
    let spec = value.get_mut("spec")?.as_object_mut()?;
    let labels = spec.remove("selector").unwrap_or_default();
    spec.insert("selector".to_owned(), json!({ "matchLabels": labels }));
    value["kind"] = json!("ReplicaSet");
    value["apiVersion"] = json!("apps/v1");
    serde_json::from_value(value).ok()
}

/// The controllers that may want a pod which nobody controls.
fn possible_adopters(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    if controller_of(pod).is_some() || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let controllers = caches
        .of::<ReplicationController>()
        .list(pod.metadata.namespace.as_deref().unwrap_or(""));
    controllers
        .iter()
        .filter(|controller| {
            as_set(controller)
                .and_then(|set| selector::parse(&set.spec?.selector).ok())
                .is_some_and(|selector| selector::matches(&selector, &pod.metadata))
        })
        .map(|controller| key_of(&**controller))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_view_selects_what_the_controller_selects() {
        let controller = serde_json::from_value(json!({
            "metadata": {"name": "web", "uid": "u"},
            "spec": {"replicas": 3, "selector": {"app": "web"},
                     "template": {"metadata": {"labels": {"app": "web"}}}},
            "status": {"replicas": 1, "conditions": [{"type": "ReplicaFailure", "status": "True"}]},
        }))
        .unwrap();
        let set = as_set(&controller).unwrap();
        let spec = set.spec.unwrap();
        assert_eq!(spec.replicas, Some(3));
        assert_eq!(spec.selector.match_labels.unwrap()["app"], "web");
        assert_eq!(set.status.unwrap().conditions.unwrap().len(), 1);
    }
}
