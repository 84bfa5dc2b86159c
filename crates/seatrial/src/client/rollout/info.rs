//! What there is to say about a Rollout, as data. Pure.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seatrial_resources::argoproj::{Rollout, RolloutPhase, RolloutStatus};
use serde::Serialize;

use super::gather::{World, hash_of};
use super::tree::{self, Revision};

/// The annotation with the number of a revision.
const REVISION: &str = "rollout.argoproj.io/revision";

/// A Rollout as the plugin shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) status: String,
    pub(super) message: String,
    pub(super) strategy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<String>,
    pub(super) set_weight: i32,
    pub(super) actual_weight: i32,
    pub(super) images: Vec<Image>,
    pub(super) desired: i32,
    pub(super) current: i32,
    pub(super) updated: i32,
    pub(super) ready: i32,
    pub(super) available: i32,
    pub(super) age: String,
    pub(super) revisions: Vec<Revision>,
}

/// An image and which versions run it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Image {
    pub(super) image: String,
    pub(super) roles: Vec<&'static str>,
}

/// Whether the status speaks of the spec as it is.
pub(super) fn is_observed(rollout: &Rollout) -> bool {
    let status = rollout.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation.as_ref());
    observed.and_then(|text| text.parse::<i64>().ok()) == rollout.metadata.generation
}

/// Phase and message; a spec that the controller has not seen yet is progress.
pub(super) fn phase(rollout: &Rollout) -> (RolloutPhase, String) {
    if !is_observed(rollout) {
        let message = "waiting for rollout spec update to be observed";
        return (RolloutPhase::Progressing, message.to_owned());
    }
    let status = rollout.status.clone().unwrap_or_default();
    (
        status.phase.unwrap_or_default(),
        status.message.unwrap_or_default(),
    )
}

/// The revision's number; 0 where none is noted.
pub(super) fn revision_of(metadata: &ObjectMeta) -> i64 {
    let noted = metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(REVISION));
    noted.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a replica set is at the moment: `stable`, `canary`, `active`, `preview`.
pub(super) fn roles(rollout: &Rollout, set: &ReplicaSet) -> Vec<&'static str> {
    let status = rollout.status.clone().unwrap_or_default();
    let hash = hash_of(&set.metadata).map(str::to_owned);
    if hash.is_none() {
        return Vec::new();
    }
    if rollout.spec.strategy.blue_green.is_some() {
        let all = [
            ("stable", status.stable_rs),
            ("active", status.blue_green.active_selector),
            ("preview", status.blue_green.preview_selector),
        ];
        return all
            .into_iter()
            .filter(|(_, is)| *is == hash)
            .map(|(role, _)| role)
            .collect();
    }
    if hash == status.stable_rs {
        vec!["stable"]
    } else if hash == status.current_pod_hash {
        vec!["canary"]
    } else {
        Vec::new()
    }
}

/// Makes the view.
pub(super) fn of(world: &World, now: Timestamp) -> Info {
    let rollout = &world.rollout;
    let status = rollout.status.clone().unwrap_or_default();
    let (phase, message) = phase(rollout);
    let steps = steps(rollout);
    Info {
        name: rollout.metadata.name.clone().unwrap_or_default(),
        namespace: rollout.metadata.namespace.clone().unwrap_or_default(),
        status: format!("{phase:?}"),
        message,
        strategy: if rollout.spec.strategy.blue_green.is_some() {
            "BlueGreen"
        } else {
            "Canary"
        },
        step: (steps > 0)
            .then(|| format!("{}/{steps}", status.current_step_index.unwrap_or_default())),
        set_weight: set_weight(rollout, &status),
        actual_weight: actual_weight(world, &status),
        images: images(world),
        desired: rollout.spec.replicas.unwrap_or(1),
        current: status.replicas,
        updated: status.updated_replicas,
        ready: status.ready_replicas,
        available: status.available_replicas,
        age: tree::age_of(&rollout.metadata, now),
        revisions: tree::revisions(world, now),
    }
}

/// How many steps there are.
pub(super) fn steps(rollout: &Rollout) -> usize {
    let canary = rollout.spec.strategy.canary.as_ref();
    canary
        .and_then(|canary| canary.steps.as_ref())
        .map_or(0, Vec::len)
}

fn is_promoted(status: &RolloutStatus) -> bool {
    status.stable_rs.is_some() && status.stable_rs == status.current_pod_hash
}

/// The weight that the present step asks for.
pub(super) fn set_weight(rollout: &Rollout, status: &RolloutStatus) -> i32 {
    let steps = rollout
        .spec
        .strategy
        .canary
        .as_ref()
        .and_then(|canary| canary.steps.as_deref());
    let steps = steps.unwrap_or_default();
    let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
    if is_promoted(status) || (!steps.is_empty() && index >= steps.len()) {
        return 100;
    }
    if status.abort {
        return 0;
    }
    steps
        .iter()
        .take(index + 1)
        .rev()
        .find_map(|step| step.set_weight)
        .unwrap_or(0)
}

/// The share of the traffic, or of the pods where nothing splits the traffic.
fn actual_weight(world: &World, status: &RolloutStatus) -> i32 {
    if is_promoted(status) {
        return 100;
    }
    let canary = world.rollout.spec.strategy.canary.as_ref();
    if canary.is_some_and(|canary| canary.traffic_routing.is_some()) {
        return status
            .canary
            .weights
            .as_ref()
            .map_or(0, |weights| weights.canary.weight);
    }
    let available = |set: &ReplicaSet| {
        set.status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or(0)
    };
    let all: i32 = world.sets.iter().map(available).sum();
    let of_canary = |set: &&ReplicaSet| roles(&world.rollout, set).contains(&"canary");
    let new: i32 = world.sets.iter().filter(of_canary).map(available).sum();
    if all == 0 { 0 } else { new * 100 / all }
}

/// The images that run, in order of their names.
fn images(world: &World) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for set in &world.sets {
        let spec = set.spec.as_ref();
        if spec.and_then(|spec| spec.replicas).unwrap_or(0) == 0 {
            continue;
        }
        let pod = spec
            .and_then(|spec| spec.template.as_ref())
            .and_then(|one| one.spec.as_ref());
        let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
        for image in containers
            .iter()
            .filter_map(|container| container.image.as_ref())
        {
            let roles = roles(&world.rollout, set);
            match images.iter_mut().find(|known| known.image == *image) {
                Some(known) => {
                    known.roles.extend(
                        roles
                            .iter()
                            .filter(|role| !known.roles.contains(role))
                            .copied()
                            .collect::<Vec<_>>(),
                    );
                }
                None => images.push(Image {
                    image: image.clone(),
                    roles,
                }),
            }
        }
    }
    images.sort_by(|one, other| one.image.cmp(&other.image));
    images
}
