//! What a Rollout has.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use seatrial_controller::{Context, is_controlled_by};
use seatrial_resources::argoproj::{
    AnalysisRun, AnalysisTemplate, AnalysisTemplateSpec, ClusterAnalysisTemplate, Rollout,
};
use seatrial_resources::istio::VirtualService;

use super::restart;

/// Everything that a decision looks at.
#[derive(Debug, Default)]
pub(super) struct World {
    /// The rollout's replica sets, oldest first.
    pub(super) sets: Vec<Arc<ReplicaSet>>,
    /// The pods of these replica sets while a restart is under way; else none are read.
    pub(super) pods: Vec<Arc<Pod>>,
    /// The rollout's analysis runs, oldest first.
    pub(super) runs: Vec<Arc<AnalysisRun>>,
    /// The services of the namespace by name.
    pub(super) services: BTreeMap<String, Arc<Service>>,
    /// Virtual services by namespace and name.
    pub(super) routes: BTreeMap<(String, String), Arc<VirtualService>>,
    /// Analysis templates of the namespace by name.
    pub(super) templates: BTreeMap<String, AnalysisTemplateSpec>,
    /// Analysis templates of the cluster by name.
    pub(super) cluster_templates: BTreeMap<String, AnalysisTemplateSpec>,
}

pub(super) async fn observe(rollout: &Rollout, ctx: &Context) -> World {
    let namespace = rollout.metadata.namespace.as_deref().unwrap_or_default();
    let uid = rollout.metadata.uid.as_deref().unwrap_or_default();
    let mut sets = ctx.cache::<ReplicaSet>().await.owned_by(uid);
    sets.retain(|set| is_controlled_by(&**set, rollout));
    sets.sort_by_key(|set| {
        let created = set.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (created, set.metadata.name.clone())
    });
    let pods = pods(rollout, &sets, ctx).await;
    let mut runs = ctx.cache::<AnalysisRun>().await.owned_by(uid);
    runs.sort_by_key(|run| {
        let created = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (created, run.metadata.name.clone())
    });
    let services = ctx.cache::<Service>().await.list(namespace);
    let routes = ctx.cache::<VirtualService>().await.all();
    let templates = ctx.cache::<AnalysisTemplate>().await.list(namespace);
    let cluster_templates = ctx.cache::<ClusterAnalysisTemplate>().await.all();
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    World {
        sets,
        pods,
        runs,
        services: services
            .into_iter()
            .map(|one| (name(&one.metadata.name), one))
            .collect(),
        routes: routes
            .into_iter()
            .map(|one| {
                (
                    (name(&one.metadata.namespace), name(&one.metadata.name)),
                    one,
                )
            })
            .collect(),
        templates: templates
            .iter()
            .map(|one| (name(&one.metadata.name), one.spec.clone()))
            .collect(),
        cluster_templates: cluster_templates
            .iter()
            .map(|one| (name(&one.metadata.name), one.spec.template.clone()))
            .collect(),
    }
}

async fn pods(rollout: &Rollout, sets: &[Arc<ReplicaSet>], ctx: &Context) -> Vec<Arc<Pod>> {
    if restart::pending(rollout).is_none() {
        return Vec::new();
    }
    let pods = ctx.cache::<Pod>().await;
    let mut found = Vec::new();
    for set in sets {
        found.extend(pods.owned_by(set.metadata.uid.as_deref().unwrap_or_default()));
    }
    found
}
