//! Controllers of upstream's that make, move and count pods.

use super::Row;
use super::TAINTS;
use crate::access::policy::{EVENTS, READ, may};

pub(super) const ROWS: &[Row] = &[
    (
        "cronjob-controller",
        &[
            may("get list patch update watch", "batch", "cronjobs"),
            may("create delete get list patch update watch", "batch", "jobs"),
            may("patch update", "batch", "cronjobs/status"),
            may("update", "batch", "cronjobs/finalizers"),
            may("list watch delete", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "daemon-set-controller",
        &[
            may(READ, "apps", "daemonsets"),
            may("patch update", "apps", "daemonsets/status"),
            may("update", "apps", "daemonsets/finalizers"),
            may("list watch", "core", "nodes"),
            may("create delete get list patch watch", "core", "pods"),
            may("create", "core", "pods/binding"),
            may(
                "create delete get list patch update watch",
                "apps",
                "controllerrevisions",
            ),
            EVENTS,
        ],
    ),
    (
        "deployment-controller",
        &[
            may("get list patch update watch", "apps", "deployments"),
            may("patch update", "apps", "deployments/status"),
            may("update", "apps", "deployments/finalizers"),
            may(
                "create delete get list patch update watch",
                "apps",
                "replicasets",
            ),
            may("get list update watch", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "disruption-controller",
        &[
            may(READ, "apps", "deployments replicasets statefulsets"),
            may(READ, "core", "pods replicationcontrollers"),
            may(READ, "policy", "poddisruptionbudgets"),
            may("patch update", "policy", "poddisruptionbudgets/status"),
            may("patch update", "core", "pods/status"),
            may("get", "*", "*/scale"),
            EVENTS,
        ],
    ),
    (
        "endpoint-controller",
        &[
            may(READ, "core", "pods services"),
            may(
                "create delete get list patch update watch",
                "core",
                "endpoints",
            ),
            may("create", "core", "endpoints/restricted"),
            EVENTS,
        ],
    ),
    // Keeps Endpoints as well.
    (
        "endpointslice-controller",
        &[
            may(READ, "core", "nodes pods services"),
            may("update", "core", "services/finalizers"),
            may(
                "create delete get list patch update watch",
                "discovery.k8s.io",
                "endpointslices",
            ),
            may(
                "create delete get list patch update watch",
                "core",
                "endpoints",
            ),
            EVENTS,
        ],
    ),
    (
        "endpointslicemirroring-controller",
        &[
            may(READ, "core", "endpoints services"),
            may("update", "core", "endpoints/finalizers"),
            may(
                "create delete get list patch update watch",
                "discovery.k8s.io",
                "endpointslices",
            ),
            EVENTS,
        ],
    ),
    (
        "horizontal-pod-autoscaler",
        &[
            may(READ, "autoscaling", "horizontalpodautoscalers"),
            may(
                "patch update",
                "autoscaling",
                "horizontalpodautoscalers/status",
            ),
            may("get patch update", "*", "*/scale"),
            may("list watch", "core", "pods"),
            may("get list watch", "metrics.k8s.io", "pods"),
            may(READ, "custom.metrics.k8s.io external.metrics.k8s.io", "*"),
            EVENTS,
        ],
    ),
    (
        "job-controller",
        &[
            may("get list patch update watch", "batch", "jobs"),
            may("patch update", "batch", "jobs/status"),
            may("update", "batch", "jobs/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
            may("patch update", "core", "pods/status"),
            EVENTS,
        ],
    ),
    ("taint-eviction-controller", TAINTS),
    (
        "pod-garbage-collector",
        &[
            may("delete list watch", "core", "pods"),
            may(READ, "core", "nodes"),
            may("patch", "core", "pods/status"),
            EVENTS,
        ],
    ),
    (
        "replicaset-controller",
        &[
            may("get list patch update watch", "apps", "replicasets"),
            may("patch update", "apps", "replicasets/status"),
            may("update", "apps", "replicasets/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "replication-controller",
        &[
            may(
                "get list patch update watch",
                "core",
                "replicationcontrollers",
            ),
            may("patch update", "core", "replicationcontrollers/status"),
            may("update", "core", "replicationcontrollers/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "statefulset-controller",
        &[
            may(READ, "apps", "statefulsets"),
            may("patch update", "apps", "statefulsets/status"),
            may("update", "apps", "statefulsets/finalizers"),
            may("create delete get list patch update watch", "core", "pods"),
            may("update", "core", "pods/finalizers"),
            may(
                "create delete get list patch update watch",
                "apps",
                "controllerrevisions",
            ),
            may(
                "create delete get list patch update watch",
                "core",
                "persistentvolumeclaims",
            ),
            EVENTS,
        ],
    ),
    (
        "ttl-after-finished-controller",
        &[may("delete get list watch", "batch", "jobs"), EVENTS],
    ),
];
