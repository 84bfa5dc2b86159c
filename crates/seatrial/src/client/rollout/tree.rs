//! Revisions, their replica sets, pods and analyses, as data. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seatrial_resources::argoproj::AnalysisRun;
use serde::Serialize;

use super::gather::{World, hash_of, is_owned};
use super::{info, pods};
use crate::client::duration::{age, span};

/// Says until when a replica set that lost its role keeps its pods.
const DEADLINE: &str = "scale-down-deadline";

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    pub(super) revision: i64,
    pub(super) nodes: Vec<Node>,
}

/// An object of the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) age: String,
    pub(super) info: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) children: Vec<Node>,
}

pub(super) fn age_of(metadata: &ObjectMeta, now: Timestamp) -> String {
    age(metadata.creation_timestamp.as_ref().map(|time| time.0), now)
}

/// Newest first.
pub(super) fn revisions(world: &World, now: Timestamp) -> Vec<Revision> {
    let mut sets: Vec<&ReplicaSet> = world.sets.iter().collect();
    sets.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let mut all: BTreeMap<i64, Vec<Node>> = BTreeMap::new();
    let mut of_hash: BTreeMap<&str, i64> = BTreeMap::new();
    for set in sets {
        let revision = info::revision_of(&set.metadata);
        of_hash.extend(hash_of(&set.metadata).map(|hash| (hash, revision)));
        all.entry(revision)
            .or_default()
            .push(replica_set(world, set, now));
    }
    let owner = &world.rollout.metadata;
    let mut runs: Vec<_> = world
        .runs
        .iter()
        .filter(|run| is_owned(&run.metadata, owner))
        .collect();
    runs.sort_by_key(|run| {
        (
            run.metadata.creation_timestamp.clone(),
            run.metadata.name.clone(),
        )
    });
    for run in runs {
        let hash = hash_of(&run.metadata).and_then(|hash| of_hash.get(hash));
        let revision = hash
            .copied()
            .unwrap_or_else(|| info::revision_of(&run.metadata));
        all.entry(revision)
            .or_default()
            .push(analysis_run(run, now));
    }
    all.into_iter()
        .rev()
        .map(|(revision, nodes)| Revision { revision, nodes })
        .collect()
}

fn replica_set(world: &World, set: &ReplicaSet, now: Timestamp) -> Node {
    let desired = set
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0);
    let status = set.status.clone().unwrap_or_default();
    let word = match () {
        () if desired == 0 && status.replicas == 0 => "ScaledDown",
        () if status.available_replicas.unwrap_or(0) < desired || status.replicas > desired => {
            "Progressing"
        }
        () => "Healthy",
    };
    let mut pods: Vec<_> = world
        .pods
        .iter()
        .filter(|pod| is_owned(&pod.metadata, &set.metadata))
        .collect();
    pods.sort_by_key(|pod| {
        (
            pod.metadata.creation_timestamp.clone(),
            pod.metadata.name.clone(),
        )
    });
    let children = pods.into_iter().map(|pod| Node {
        kind: "Pod",
        name: pod.metadata.name.clone().unwrap_or_default(),
        status: pods::word(pod),
        age: age_of(&pod.metadata, now),
        info: pods::facts(pod),
        children: Vec::new(),
    });
    let mut facts: Vec<String> = info::roles(&world.rollout, set)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let deadline = set
        .metadata
        .annotations
        .iter()
        .flatten()
        .find(|(key, _)| key.ends_with(DEADLINE));
    let deadline = deadline.and_then(|(_, moment)| moment.parse::<Timestamp>().ok());
    if let Some(left) = deadline.map(|moment| moment.duration_since(now).as_secs())
        && left > 0
        && desired > 0
    {
        facts.push(format!("delay:{}", span(left)));
    }
    Node {
        kind: "ReplicaSet",
        name: set.metadata.name.clone().unwrap_or_default(),
        status: word.to_owned(),
        age: age_of(&set.metadata, now),
        info: facts.join(","),
        children: children.collect(),
    }
}

fn analysis_run(run: &AnalysisRun, now: Timestamp) -> Node {
    let status = run.status.clone().unwrap_or_default();
    let mut counts = [("✔", 0), ("✖", 0), ("?", 0), ("⚠", 0)];
    for metric in status.metric_results.iter().flatten() {
        counts[0].1 += metric.successful;
        counts[1].1 += metric.failed;
        counts[2].1 += metric.inconclusive;
        counts[3].1 += metric.error;
    }
    let counted: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(mark, count)| format!("{mark} {count}"))
        .collect();
    Node {
        kind: "AnalysisRun",
        name: run.metadata.name.clone().unwrap_or_default(),
        status: format!("{:?}", status.phase),
        age: age_of(&run.metadata, now),
        info: counted.join(","),
        children: Vec::new(),
    }
}
