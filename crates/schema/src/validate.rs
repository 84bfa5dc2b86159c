//! Upstream's validation of the built-in kinds, in upstream's words: the part of it that catches real
//! mistakes. Objects are expected to have been read strictly and defaulted.
//!
//! Names and labels of `metadata` are the API server's to check, as they do not depend on the kind's
//! fields; the rules for such words are in [`name`].

mod access;
mod container;
mod field;
pub mod name;
mod network;
mod pod;
mod probe;
mod small;
mod volume;
mod workload;

use serde_json::Value;

use crate::cause::Cause;
use field::Field;

type Check = fn(&Field<'_>, &mut Vec<Cause>);
type Compare = fn(&Field<'_>, &Field<'_>, &mut Vec<Cause>);

/// The checks of objects, by group and kind.
const CHECKS: &[(&str, &str, Check)] = &[
    ("", "ConfigMap", small::config_map),
    ("", "LimitRange", small::limit_range),
    ("", "PersistentVolumeClaim", small::claim),
    ("", "Pod", pod::pod),
    (
        "",
        "ReplicationController",
        workload::replication_controller,
    ),
    ("", "ResourceQuota", small::quota),
    ("", "Secret", small::secret),
    ("", "Service", network::service),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "Deployment", workload::deployment),
    ("apps", "ReplicaSet", workload::replica_set),
    ("apps", "StatefulSet", workload::stateful_set),
    ("autoscaling", "HorizontalPodAutoscaler", small::autoscaler),
    ("batch", "CronJob", workload::cron_job),
    ("batch", "Job", workload::job),
    ("networking.k8s.io", "Ingress", network::ingress),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        network::network_policy,
    ),
    ("policy", "PodDisruptionBudget", small::disruption_budget),
    ("rbac.authorization.k8s.io", "ClusterRole", access::role),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        access::binding,
    ),
    ("rbac.authorization.k8s.io", "Role", access::role),
    ("rbac.authorization.k8s.io", "RoleBinding", access::binding),
];

/// The checks of changes (new, old), by group and kind.
const COMPARISONS: &[(&str, &str, Compare)] = &[
    ("", "ConfigMap", small::config_map_change),
    ("", "PersistentVolumeClaim", small::claim_change),
    ("", "Pod", pod::pod_change),
    ("", "Secret", small::secret_change),
    ("", "Service", network::service_change),
    ("apps", "DaemonSet", workload::selector_change),
    ("apps", "Deployment", workload::selector_change),
    ("apps", "ReplicaSet", workload::selector_change),
    ("apps", "StatefulSet", workload::stateful_set_change),
    ("batch", "Job", workload::job_change),
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
    (
        "storage.k8s.io",
        "StorageClass",
        small::storage_class_change,
    ),
];

/// What is wrong with an object, new or changed; `group` is empty for core.
pub fn create(group: &str, kind: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let found = CHECKS.binary_search_by(|(one, name, _)| (*one, *name).cmp(&(group, kind)));
    if let Ok(index) = found {
        CHECKS[index].2(&Field::root(object), &mut causes);
    }
    causes
}

/// What is wrong with the change from `old` to `new`; not whether `new` itself is right.
pub fn update(group: &str, kind: &str, new: &Value, old: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let found = COMPARISONS.binary_search_by(|(one, name, _)| (*one, *name).cmp(&(group, kind)));
    if let Ok(index) = found {
        COMPARISONS[index].2(&Field::root(new), &Field::root(old), &mut causes);
    }
    causes
}

/// What is wrong with a pod template that is a part of another kind's object; `path` leads to it.
pub fn pod_template(template: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    pod::spec(&Field::at(template, path).field("spec"), &[], &mut causes);
    causes
}

#[cfg(test)]
mod tests;
