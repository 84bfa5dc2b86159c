//! Labels and annotations for everything, and the places besides `metadata` where they belong.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kustomization::Kustomization;
use crate::Object;
use crate::object::entry;

/// Where the pods of a kind are described.
fn template(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => Some(&["spec", "template"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// Where a kind says which pods it means, and whether the place is made where it is missing.
fn selectors(kind: &str) -> &'static [(&'static [&'static str], bool)] {
    match kind {
        "Service" | "ReplicationController" => &[(&["spec", "selector"], true)],
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            &[(&["spec", "selector", "matchLabels"], true)]
        }
        "Job" | "PodDisruptionBudget" => &[(&["spec", "selector", "matchLabels"], false)],
        "CronJob" => &[(
            &["spec", "jobTemplate", "spec", "selector", "matchLabels"],
            false,
        )],
        "NetworkPolicy" => &[(&["spec", "podSelector", "matchLabels"], false)],
        _ => &[],
    }
}

pub(crate) fn run(kustomization: &Kustomization, object: &mut Object) {
    for labels in &kustomization.labels {
        add(&mut object.value, &["metadata", "labels"], &labels.pairs);
        if labels.include_selectors {
            select(object, &labels.pairs);
        }
        if labels.include_selectors || labels.include_templates {
            in_template(object, "labels", &labels.pairs);
        }
    }
    if !kustomization.common_labels.is_empty() {
        add(
            &mut object.value,
            &["metadata", "labels"],
            &kustomization.common_labels,
        );
        select(object, &kustomization.common_labels);
        in_template(object, "labels", &kustomization.common_labels);
    }
    if !kustomization.common_annotations.is_empty() {
        add(
            &mut object.value,
            &["metadata", "annotations"],
            &kustomization.common_annotations,
        );
        in_template(object, "annotations", &kustomization.common_annotations);
    }
}

fn select(object: &mut Object, pairs: &BTreeMap<String, String>) {
    for (path, create) in selectors(object.kind()) {
        let exists = path
            .iter()
            .try_fold(&object.value, |value, part| value.get(part))
            .is_some();
        if *create || exists {
            add(&mut object.value, path, pairs);
        }
    }
}

fn in_template(object: &mut Object, section: &str, pairs: &BTreeMap<String, String>) {
    if let Some(path) = template(object.kind()) {
        let path: Vec<&str> = path.iter().copied().chain(["metadata", section]).collect();
        add(&mut object.value, &path, pairs);
    }
}

fn add(value: &mut Value, path: &[&str], pairs: &BTreeMap<String, String>) {
    let place = path.iter().fold(value, |value, part| entry(value, part));
    if let (Some(place), Some(pairs)) = (place.as_object_mut(), json!(pairs).as_object()) {
        place.extend(pairs.clone());
    }
}
