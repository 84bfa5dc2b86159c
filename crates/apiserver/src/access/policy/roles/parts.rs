//! What parts of a cluster may do that have no controller of their own.

use crate::access::policy::{EVENTS, Grant, READ, may, named};

pub(super) const CONTROLLER_MANAGER: &[Grant] = &[
    EVENTS,
    may("create", "coordination.k8s.io", "leases"),
    named(
        "get update",
        "coordination.k8s.io",
        "leases",
        "kube-controller-manager",
    ),
    may("create", "core", "secrets serviceaccounts"),
    may("delete", "core", "secrets"),
    may(
        "get",
        "core",
        "configmaps namespaces secrets serviceaccounts",
    ),
    may("update", "core", "secrets serviceaccounts"),
    may("create", "authentication.k8s.io", "tokenreviews"),
    may("create", "authorization.k8s.io", "subjectaccessreviews"),
    may("list watch", "*", "*"),
    may("create", "core", "serviceaccounts/token"),
];

pub(super) const SCHEDULER: &[Grant] = &[
    EVENTS,
    may("create", "coordination.k8s.io", "leases"),
    named(
        "get update",
        "coordination.k8s.io",
        "leases",
        "kube-scheduler",
    ),
    may(READ, "core", "nodes namespaces"),
    may("delete get list watch", "core", "pods"),
    may("create", "core", "bindings pods/binding"),
    may("patch update", "core", "pods/status"),
    may(READ, "core", "replicationcontrollers services"),
    may(READ, "apps extensions", "replicasets"),
    may(READ, "apps", "statefulsets"),
    may(READ, "policy", "poddisruptionbudgets"),
    may(READ, "core", "persistentvolumeclaims persistentvolumes"),
    may("create", "authentication.k8s.io", "tokenreviews"),
    may("create", "authorization.k8s.io", "subjectaccessreviews"),
    may(
        READ,
        "storage.k8s.io",
        "csinodes csidrivers csistoragecapacities volumeattachments",
    ),
    may(
        READ,
        "resource.k8s.io",
        "deviceclasses resourceclaims resourceslices",
    ),
];

/// What a step of a pipeline may do: deliver by an Application, and look at what becomes of it.
pub(super) const PIPELINE: &[Grant] = &[
    may(READ, "core", "namespaces"),
    may(
        "create patch update get list watch",
        "argoproj.io",
        "applications",
    ),
    may(READ, "argoproj.io", "analysisruns appprojects rollouts"),
    may(READ, "seatrial.dev", "pipelineruns repositories"),
    may(
        READ,
        "apps",
        "deployments replicasets statefulsets daemonsets",
    ),
    may(READ, "core", "events pods pods/log services"),
];
