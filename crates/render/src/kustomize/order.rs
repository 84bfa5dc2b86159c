//! The order of the output: what others need comes first.

use super::build::Item;

/// As Kustomize's `legacy` order has it (`api/resource/gvk order`).
const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

const LAST: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

fn rank(kind: &str) -> usize {
    let position = |list: &[&str]| list.iter().position(|known| *known == kind);
    match (position(FIRST), position(LAST)) {
        (Some(first), _) => first,
        (None, Some(last)) => FIRST.len() + 1 + last,
        (None, None) => FIRST.len(),
    }
}

pub(crate) fn sort(items: &mut [Item]) {
    items.sort_by_cached_key(|item| {
        let object = &item.object;
        let id = [
            object.group(),
            object.version(),
            object.kind(),
            object.namespace(),
            object.name(),
        ];
        (rank(object.kind()), id.map(str::to_owned))
    });
}
