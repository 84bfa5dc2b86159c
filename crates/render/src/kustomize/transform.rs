//! What a kustomization does to all of its objects: namespace, names, labels, annotations,
//! replicas, images.

use serde_json::Value;

use super::build::{Here, Item};
use super::kustomization::Kustomization;
use super::{image, label};
use crate::Error;
use crate::object::entry;

/// Kinds that have no namespace. Custom kinds are taken to have one, as Kustomize does.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterAnalysisTemplate",
    "ClusterRole",
    "ClusterRoleBinding",
    "ComponentStatus",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

/// Kinds whose names neither prefix nor suffix touches.
const FIXED_NAMES: &[&str] = &["APIService", "CustomResourceDefinition", "Namespace"];

/// Workloads whose number of pods `replicas` sets.
const SCALED: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

pub(crate) fn run(
    here: &Here<'_>,
    kustomization: &Kustomization,
    items: &mut [Item],
) -> Result<(), Error> {
    if let Some(namespace) = kustomization
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
    {
        let accounts: Vec<(String, String)> = items
            .iter()
            .filter(|item| item.object.kind() == "ServiceAccount")
            .map(|item| item.before.clone())
            .collect();
        for item in &mut *items {
            set_namespace(item, namespace, &accounts);
        }
    }
    let (prefix, suffix) = (&kustomization.name_prefix, &kustomization.name_suffix);
    if !prefix.is_empty() || !suffix.is_empty() {
        for item in items
            .iter_mut()
            .filter(|item| !FIXED_NAMES.contains(&item.object.kind()))
        {
            let name = format!("{prefix}{}{suffix}", item.object.name());
            item.rename(&name);
        }
    }
    for item in items.iter_mut() {
        label::run(kustomization, &mut item.object);
    }
    for (index, replicas) in kustomization.replicas.iter().enumerate() {
        let mut found = false;
        for item in items.iter_mut() {
            let scaled = SCALED.contains(&item.object.kind());
            if scaled && item.names.contains(&replicas.name) {
                entry(&mut item.object.value, "spec")["replicas"] = replicas.count.into();
                found = true;
            }
        }
        if !found {
            let detail = format!(
                "no object named {} of kind {}; use a patch for other kinds",
                replicas.name,
                SCALED.join(", ")
            );
            return Err(here.invalid(&format!("replicas[{index}]"), detail));
        }
    }
    for transform in &kustomization.images {
        for item in items.iter_mut() {
            image::run(transform, &mut item.object.value);
        }
    }
    Ok(())
}

/// `accounts` are the names and namespaces of the ServiceAccounts that move along.
fn set_namespace(item: &mut Item, namespace: &str, accounts: &[(String, String)]) {
    match item.object.kind() {
        "Namespace" => item.rename(namespace),
        "RoleBinding" | "ClusterRoleBinding" => {
            let subjects = item.object.value["subjects"].as_array_mut();
            for subject in subjects.into_iter().flatten() {
                let moves = subject["name"] == "default"
                    || accounts.iter().any(|(name, space)| {
                        subject["name"] == name.as_str()
                            && (space.is_empty() || subject["namespace"] == space.as_str())
                    });
                if subject["kind"] == "ServiceAccount" && moves {
                    subject["namespace"] = Value::from(namespace);
                }
            }
        }
        _ => {}
    }
    if !CLUSTER_SCOPED.contains(&item.object.kind()) {
        item.object.set_metadata("namespace", namespace);
    }
}
