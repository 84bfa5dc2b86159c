//! What nodes may do.

use super::{EVENTS, Grant, READ, may};

/// The rules of `system:node`.
pub(super) const NODE: &[Grant] = &[
    may("create", "authentication.k8s.io", "tokenreviews"),
    may(
        "create",
        "authorization.k8s.io",
        "localsubjectaccessreviews subjectaccessreviews",
    ),
    may(READ, "core", "services"),
    may("create get list watch", "core", "nodes"),
    may("patch update", "core", "nodes/status"),
    may("delete patch update", "core", "nodes"),
    EVENTS,
    may(READ, "core", "pods"),
    may("create delete", "core", "pods"),
    may("patch update", "core", "pods/status"),
    may("create", "core", "pods/eviction"),
    may(READ, "core", "configmaps secrets"),
    may("get", "core", "persistentvolumeclaims persistentvolumes"),
    may("get patch update", "core", "persistentvolumeclaims/status"),
    may("get", "core", "endpoints"),
    may(
        "create get list watch",
        "certificates.k8s.io",
        "certificatesigningrequests",
    ),
    may(
        "create delete get patch update",
        "coordination.k8s.io",
        "leases",
    ),
    may("get", "storage.k8s.io", "volumeattachments"),
    may("create", "core", "serviceaccounts/token"),
    may(READ, "storage.k8s.io", "csidrivers"),
    may(
        "create delete get patch update",
        "storage.k8s.io",
        "csinodes",
    ),
    may(READ, "node.k8s.io", "runtimeclasses"),
    may("get", "resource.k8s.io", "resourceclaims"),
    may(
        "deletecollection list watch create delete get patch update",
        "resource.k8s.io",
        "resourceslices",
    ),
];
