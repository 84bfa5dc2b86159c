//! What a Rollout has.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Service;
use seatrial_controller::{Context, is_controlled_by};
use seatrial_resources::argoproj::{
    AnalysisRun, AnalysisTemplate, AnalysisTemplateSpec, ClusterAnalysisTemplate, Rollout,
};
use seatrial_resources::istio::VirtualService;

/// Everything that a decision looks at.
#[derive(Debug, Default)]
pub(super) struct World {
    /// The rollout's replica sets, oldest first.
    pub(super) sets: Vec<Arc<ReplicaSet>>,
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
