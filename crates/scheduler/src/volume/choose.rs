//! Which volume, and whether the node reaches it. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use seatrial_controller::{ObjectKey, key_of};
use seatrial_resources::placement;

use super::Reserved;
use crate::amount::pieces;
use crate::cluster::Host;
use crate::query::{Labels, Selection};

/// The provisioner of classes that make no volumes.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Labels of a volume that tie it to a place.
const PLACES: [&str; 4] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// The free volumes that a claim may take, the smallest first, then by name.
pub(super) fn candidates(
    claim: &PersistentVolumeClaim,
    all: Vec<Arc<PersistentVolume>>,
    reserved: &Reserved,
) -> Vec<Arc<PersistentVolume>> {
    let key = key_of(claim);
    let mut fitting: Vec<_> = all
        .into_iter()
        .filter(|volume| may_take(claim, volume, &key, reserved))
        .map(|volume| (size(&volume), volume))
        .collect();
    fitting.sort_by(|one, other| {
        let name = |volume: &PersistentVolume| volume.metadata.name.clone();
        (one.0, name(&one.1)).cmp(&(other.0, name(&other.1)))
    });
    fitting.into_iter().map(|(_, volume)| volume).collect()
}

fn size(volume: &PersistentVolume) -> i64 {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.capacity.as_ref()?.get("storage"))
        .map_or(0, pieces)
}

fn may_take(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
    key: &ObjectKey,
    reserved: &Reserved,
) -> bool {
    let (Some(wanted), Some(spec)) = (&claim.spec, &volume.spec) else {
        return false;
    };
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let ours = |namespace: Option<&str>, name: Option<&str>| {
        namespace == Some(&*key.namespace) && name == Some(&*key.name)
    };
    let free = match &spec.claim_ref {
        None => reserved.get(name).is_none_or(|holder| holder == key),
        // A volume may name the claim that it waits for.
        Some(claim) => {
            claim.uid.is_none() && ours(claim.namespace.as_deref(), claim.name.as_deref())
        }
    };
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let mode = |mode: &'_ Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
    let asked = wanted.resources.as_ref();
    let asked = asked.and_then(|asked| asked.requests.as_ref()?.get("storage"));
    let offered = spec.access_modes.as_deref().unwrap_or_default();
    let labels = volume.metadata.labels.clone().unwrap_or_default();
    let selected = wanted.selector.clone().map(Selection::of);
    free && volume.metadata.deletion_timestamp.is_none()
        && text(&spec.storage_class_name) == text(&wanted.storage_class_name)
        && mode(&spec.volume_mode) == mode(&wanted.volume_mode)
        && size(volume) >= asked.map_or(0, pieces)
        && super::modes(claim)
            .iter()
            .all(|mode| offered.contains(mode))
        && selected.is_none_or(|selected| selected.matches(&labels))
}

/// The smallest volume that the node reaches.
pub(super) fn smallest<'a>(
    volumes: &'a [Arc<PersistentVolume>],
    host: &Host,
    free: impl Fn(&&Arc<PersistentVolume>) -> bool,
) -> Option<&'a Arc<PersistentVolume>> {
    volumes
        .iter()
        .filter(free)
        .find(|volume| reaches(volume, host))
}

/// Whether the node is one that the volume can be reached from.
pub(super) fn reaches(volume: &PersistentVolume, host: &Host) -> bool {
    let required = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    required.is_none_or(|required| {
        required
            .node_selector_terms
            .iter()
            .any(|term| placement::means(term, &host.name, &host.labels))
    })
}

/// Whether the node is in the volume's zone and region. A node that says nothing of zones is taken
/// to be a cluster without any.
pub(super) fn zone_fits(volume: &PersistentVolume, host: &Host) -> bool {
    let place = |labels: &Labels| PLACES.iter().any(|place| labels.contains_key(*place));
    let Some(labels) = volume.metadata.labels.as_ref().filter(|all| place(all)) else {
        return true;
    };
    if !place(&host.labels) {
        return true;
    }
    PLACES.iter().all(|place| {
        labels.get(*place).is_none_or(|wanted| {
            let here = host.labels.get(*place);
            here.is_some_and(|here| wanted.split("__").any(|one| one == here))
        })
    })
}

/// Whether the class can make a volume for this node.
pub(super) fn fits_class(class: &StorageClass, host: &Host) -> bool {
    if class.provisioner == NO_PROVISIONER {
        return false;
    }
    let Some(terms) = class
        .allowed_topologies
        .as_ref()
        .filter(|all| !all.is_empty())
    else {
        return true;
    };
    terms.iter().any(|term| {
        let wanted = term.match_label_expressions.iter().flatten();
        wanted.into_iter().all(|wanted| {
            let here = host.labels.get(&wanted.key);
            here.is_some_and(|here| wanted.values.contains(here))
        })
    })
}
