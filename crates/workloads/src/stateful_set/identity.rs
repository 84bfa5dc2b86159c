//! What makes a pod the one of its ordinal: name, host name, labels, claims. Pure.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume};
use seatrial_controller::owner_reference;

use super::claim;
use crate::{history, template};

pub(super) const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
pub(super) const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// A pod's name as the set's name and the ordinal.
pub(super) fn split(pod: &str) -> Option<(&str, i32)> {
    let (parent, ordinal) = pod.rsplit_once('-')?;
    let digits = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    let ordinal = digits.then(|| ordinal.parse().ok()).flatten()?;
    Some((parent, ordinal))
}

pub(super) fn set_name(set: &StatefulSet) -> &str {
    set.metadata.name.as_deref().unwrap_or_default()
}

pub(super) fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set_name(set))
}

/// The ordinal of a pod of this set; none where its name is not one that the set gives.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let (parent, ordinal) = split(pod.metadata.name.as_deref()?)?;
    (parent == set_name(set)).then_some(ordinal)
}

/// The revision that a pod says it is of.
pub(super) fn revision(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(history::REVISION_LABEL))
        .map_or("", String::as_str)
}

/// The pod of one ordinal, of one revision.
pub(super) fn pod(
    set: &StatefulSet,
    template: &PodTemplateSpec,
    revision: &str,
    ordinal: i32,
) -> Pod {
    let name = pod_name(set, ordinal);
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let mut pod = template::pod(template, namespace, name.clone(), owner_reference(set));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(NAME_LABEL.to_owned(), name.clone());
    labels.insert(INDEX_LABEL.to_owned(), ordinal.to_string());
    labels.insert(history::REVISION_LABEL.to_owned(), revision.to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name);
    spec.subdomain = set
        .spec
        .as_ref()
        .and_then(|spec| spec.service_name.clone())
        .filter(|service| !service.is_empty());
    let claimed = volumes(set, ordinal);
    let mut all = spec.volumes.take().unwrap_or_default();
    all.retain(|volume| claimed.iter().all(|one| one.name != volume.name));
    all.extend(claimed);
    spec.volumes = (!all.is_empty()).then_some(all);
    pod
}

fn volumes(set: &StatefulSet, ordinal: i32) -> Vec<Volume> {
    claim::templates(set)
        .map(|template| Volume {
            name: template.metadata.name.clone().unwrap_or_default(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim::name(set, template, ordinal),
                read_only: Some(false),
            }),
            ..Volume::default()
        })
        .collect()
}

/// The identity labels that a pod lacks, as one that was adopted may.
pub(super) fn missing_labels(set: &StatefulSet, pod: &Pod, ordinal: i32) -> Vec<(String, String)> {
    let has = |label: &str| {
        pod.metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(label))
    };
    let wanted = [
        (NAME_LABEL, pod_name(set, ordinal)),
        (INDEX_LABEL, ordinal.to_string()),
    ];
    wanted
        .into_iter()
        .filter(|(label, value)| has(label) != Some(value))
        .map(|(label, value)| (label.to_owned(), value))
        .collect()
}
