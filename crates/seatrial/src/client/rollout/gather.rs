//! Reads a Rollout and everything below it.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use seatrial_resources::argoproj::{AnalysisRun, Rollout};
use serde::de::DeserializeOwned;

use super::Place;
use super::info::{self, Info};
use crate::client::connect::{Session, failed};

/// The label with the hash of a template.
pub(super) const HASH: &str = "rollouts-pod-template-hash";

/// A Rollout and what belongs to it.
pub(super) struct World {
    pub(super) rollout: Rollout,
    pub(super) sets: Vec<ReplicaSet>,
    pub(super) pods: Vec<Pod>,
    pub(super) runs: Vec<AnalysisRun>,
}

/// Reads everything and makes the view of it.
pub(super) async fn read(session: &Session, place: &Place) -> anyhow::Result<Info> {
    let rollout = place.read().await?;
    let world = World {
        sets: replica_sets(session, place, &rollout).await?,
        pods: all::<Pod>(session, place, "pods").await?,
        runs: all::<AnalysisRun>(session, place, "analysis runs").await?,
        rollout,
    };
    Ok(info::of(&world, session.clock.now()))
}

/// The replica sets of a rollout.
pub(super) async fn replica_sets(
    session: &Session,
    place: &Place,
    rollout: &Rollout,
) -> anyhow::Result<Vec<ReplicaSet>> {
    let mut sets = all::<ReplicaSet>(session, place, "replica sets").await?;
    sets.retain(|set| is_owned(&set.metadata, &rollout.metadata));
    Ok(sets)
}

async fn all<K>(session: &Session, place: &Place, what: &str) -> anyhow::Result<Vec<K>>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(session.client.clone(), &place.namespace);
    let listed = api.list(&ListParams::default()).await;
    let what = format!("listing {what} of {}", place.namespace);
    Ok(listed.map_err(|error| failed(error, &what))?.items)
}

/// Whether `owner` controls an object.
pub(super) fn is_owned(metadata: &ObjectMeta, owner: &ObjectMeta) -> bool {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners
        .iter()
        .any(|one| Some(&one.uid) == owner.uid.as_ref())
}

/// The hash of the template that an object belongs to.
pub(super) fn hash_of(metadata: &ObjectMeta) -> Option<&str> {
    metadata.labels.as_ref()?.get(HASH).map(String::as_str)
}
