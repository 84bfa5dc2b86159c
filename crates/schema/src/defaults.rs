//! Upstream's defaults of the built-in kinds: what the server sets where nothing is given.
//!
//! One file per sort of kinds; each entry is a field, its default, and, where there is one, the
//! condition. Values that are allocated (addresses, ports) or admitted (service accounts, tolerations)
//! are the API server's.

mod admission;
mod field;
mod network;
mod pod;
pub mod status;
mod storage;
mod workload;

use serde_json::Value;

use field::{Object, object, objects, set};

type Rule = fn(&mut Object);

/// The kinds that have defaults. (HorizontalPodAutoscalers differ by version.)
const RULES: &[(&str, &str, Rule)] = &[
    ("", "Endpoints", network::endpoints),
    ("", "LimitRange", storage::limit_range),
    ("", "Namespace", storage::namespace),
    ("", "Node", storage::node),
    ("", "PersistentVolume", storage::persistent_volume),
    (
        "",
        "PersistentVolumeClaim",
        storage::persistent_volume_claim,
    ),
    ("", "Pod", pod::pod),
    ("", "PodTemplate", workload::pod_template),
    (
        "",
        "ReplicationController",
        workload::replication_controller,
    ),
    ("", "Secret", storage::secret),
    ("", "Service", network::service),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        admission::mutating,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        admission::policy,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        admission::binding,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        admission::validating,
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        admission::definition,
    ),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "Deployment", workload::deployment),
    ("apps", "ReplicaSet", workload::replica_set),
    ("apps", "StatefulSet", workload::stateful_set),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        workload::autoscaler,
    ),
    ("batch", "CronJob", workload::cron_job),
    ("batch", "Job", workload::job),
    ("discovery.k8s.io", "EndpointSlice", network::endpoint_slice),
    (
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        admission::flow_schema,
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        admission::priority_level,
    ),
    ("networking.k8s.io", "IngressClass", network::ingress_class),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        network::network_policy,
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        admission::role_binding,
    ),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        admission::role_binding,
    ),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        storage::priority_class,
    ),
    ("storage.k8s.io", "CSIDriver", storage::csi_driver),
    ("storage.k8s.io", "StorageClass", storage::storage_class),
];

/// Sets the defaults of a kind in `value`; `group` is empty for core. Kinds without defaults, and fields
/// of the wrong type, stay as they are.
///
/// # Guarantees
/// Idempotent; only sets what is absent (or, where upstream does so, empty).
pub fn apply(group: &str, version: &str, kind: &str, value: &mut Value) {
    let Value::Object(target) = value else { return };
    let rule = RULES
        .binary_search_by(|(one_group, one_kind, _)| (*one_group, *one_kind).cmp(&(group, kind)));
    if let Ok(index) = rule {
        RULES[index].2(target);
    }
    if (group, version, kind) == ("autoscaling", "v1", "HorizontalPodAutoscaler") {
        workload::autoscaler_v1(target);
    }
    if (group, version, kind) == ("autoscaling", "v2", "HorizontalPodAutoscaler") {
        workload::autoscaler_v2(target);
    }
}

/// Sets the defaults of a pod template that is a part of another kind's object, custom ones too.
pub fn pod_template(template: &mut Value) {
    if let Value::Object(template) = template {
        pod::template(template);
    }
}

#[cfg(test)]
mod tests;
