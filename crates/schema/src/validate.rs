//! Upstream's validation of the built-in kinds, in upstream's words: the part of it that catches real
//! mistakes. Objects are expected to have been read strictly and defaulted.
//!
//! Names and labels of `metadata` are the API server's to check, as they do not depend on the kind's
//! fields; the rules for such words are in [`name`].

mod access;
mod autoscaler;
mod container;
mod environment;
mod field;
mod job;
pub mod name;
mod network;
mod placement;
mod pod;
mod probe;
mod resource;
mod schedule;
mod security;
mod selector;
mod service;
mod small;
mod storage;
mod trail;
mod volume;
mod workload;

use serde_json::Value;

use crate::cause::Cause;
use field::Field;
use trail::Trail;

type Check = fn(&Field<'_>, &mut Vec<Cause>);
type Compare = fn(&Field<'_>, &Field<'_>, &mut Vec<Cause>);

/// The checks of objects, by group and kind.
const CHECKS: &[(&str, &str, Check)] = &[
    ("", "ConfigMap", small::config_map),
    ("", "LimitRange", small::limit_range),
    ("", "Node", small::node),
    ("", "PersistentVolume", storage::volume),
    ("", "PersistentVolumeClaim", storage::claim),
    ("", "Pod", pod::pod),
    (
        "",
        "ReplicationController",
        workload::replication_controller,
    ),
    ("", "ResourceQuota", small::quota),
    ("", "Secret", small::secret),
    ("", "Service", service::service),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "Deployment", workload::deployment),
    ("apps", "ReplicaSet", workload::replica_set),
    ("apps", "StatefulSet", workload::stateful_set),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        autoscaler::autoscaler,
    ),
    ("batch", "CronJob", job::cron_job),
    ("batch", "Job", job::job),
    ("coordination.k8s.io", "Lease", small::lease),
    ("discovery.k8s.io", "EndpointSlice", small::endpoint_slice),
    ("networking.k8s.io", "Ingress", network::ingress),
    ("networking.k8s.io", "IngressClass", small::ingress_class),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        network::network_policy,
    ),
    ("node.k8s.io", "RuntimeClass", small::runtime_class),
    ("policy", "PodDisruptionBudget", small::disruption_budget),
    ("rbac.authorization.k8s.io", "ClusterRole", access::role),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        access::binding,
    ),
    ("rbac.authorization.k8s.io", "Role", access::role),
    ("rbac.authorization.k8s.io", "RoleBinding", access::binding),
    ("scheduling.k8s.io", "PriorityClass", small::priority),
    ("storage.k8s.io", "StorageClass", storage::class),
];

/// The checks of changes (new, old), by group and kind.
const COMPARISONS: &[(&str, &str, Compare)] = &[
    ("", "ConfigMap", small::config_map_change),
    ("", "PersistentVolume", storage::volume_change),
    ("", "PersistentVolumeClaim", storage::claim_change),
    ("", "Pod", pod::pod_change),
    ("", "ResourceQuota", small::quota_change),
    ("", "Secret", small::secret_change),
    ("", "Service", service::service_change),
    ("apps", "DaemonSet", workload::selector_change),
    ("apps", "Deployment", workload::selector_change),
    ("apps", "ReplicaSet", workload::selector_change),
    ("apps", "StatefulSet", workload::stateful_set_change),
    ("batch", "Job", job::job_change),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        small::endpoint_slice_change,
    ),
    (
        "networking.k8s.io",
        "IngressClass",
        small::ingress_class_change,
    ),
    ("node.k8s.io", "RuntimeClass", small::runtime_class_change),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        access::binding_change,
    ),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        access::binding_change,
    ),
    ("scheduling.k8s.io", "PriorityClass", small::priority_change),
    ("storage.k8s.io", "StorageClass", storage::class_change),
];

/// What is wrong with an object, new or changed; `group` is empty for core.
pub fn create(group: &str, kind: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let found = CHECKS.binary_search_by(|(one, name, _)| (*one, *name).cmp(&(group, kind)));
    if let Ok(index) = found {
        let trail = Trail::default();
        CHECKS[index].2(&Field::root(object, &trail), &mut causes);
    }
    causes
}

/// What is wrong with the change from `old` to `new`; not whether `new` itself is right.
pub fn update(group: &str, kind: &str, new: &Value, old: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let found = COMPARISONS.binary_search_by(|(one, name, _)| (*one, *name).cmp(&(group, kind)));
    if let Ok(index) = found {
        let trail = Trail::default();
        let (new, old) = (Field::root(new, &trail), Field::root(old, &trail));
        COMPARISONS[index].2(&new, &old, &mut causes);
    }
    causes
}

/// What is wrong with a pod template that is a part of another kind's object; `path` leads to it.
pub fn pod_template(template: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let trail = Trail::default();
    let template = Field::at(template, &trail, path);
    pod::spec(&template.field("spec"), &[], &mut causes);
    causes
}

#[cfg(test)]
mod tests;
