//! Controllers of our own.

use super::Row;
use crate::access::policy::{EVENTS, READ, may};

pub(super) const ROWS: &[Row] = &[
    // Our own.
    ("seatrial", &[EVENTS]),
    (
        "storage-class-installer",
        &[may(
            "create get list watch",
            "storage.k8s.io",
            "storageclasses",
        )],
    ),
    (
        "event-expiry",
        &[may("delete get list watch", "core events.k8s.io", "events")],
    ),
    (
        "simulated-node",
        &[
            may("create delete get list patch update watch", "core", "nodes"),
            may("patch update", "core", "nodes/status"),
            may(
                "create delete get list patch update watch",
                "coordination.k8s.io",
                "leases",
            ),
            may("create", "core", "namespaces"),
            may("delete get list watch", "core", "pods"),
            may("patch update", "core", "pods/status"),
            EVENTS,
        ],
    ),
    (
        "gateway",
        &[
            may(READ, "core", "endpoints pods services"),
            may(READ, "discovery.k8s.io", "endpointslices"),
            may(READ, "networking.istio.io", "virtualservices"),
            EVENTS,
        ],
    ),
    (
        "service-controller",
        &[
            may(READ, "core", "services"),
            may("patch update", "core", "services/status"),
            EVENTS,
        ],
    ),
    (
        "seatrial-git",
        &[
            may("create get", "core", "namespaces"),
            may(
                "create get list patch update watch",
                "seatrial.dev",
                "repositories",
            ),
            may("patch update", "seatrial.dev", "repositories/status"),
            may("create delete get list watch", "seatrial.dev", "pushes"),
            EVENTS,
        ],
    ),
    (
        "seatrial-pipelines",
        &[may("get", "core", "secrets configmaps")],
    ),
    (
        "pipeline-push-controller",
        &[
            may(READ, "seatrial.dev", "pushes repositories"),
            may("patch update", "seatrial.dev", "pushes pushes/status"),
            may(
                "create delete get list patch update watch",
                "seatrial.dev",
                "pipelineruns",
            ),
            may("patch update", "seatrial.dev", "pipelineruns/status"),
            EVENTS,
        ],
    ),
    (
        "pipeline-run-controller",
        &[
            may(READ, "seatrial.dev", "pushes repositories"),
            may(
                "create delete get list patch update watch",
                "seatrial.dev",
                "pipelineruns",
            ),
            may("patch update", "seatrial.dev", "pipelineruns/status"),
            EVENTS,
        ],
    ),
    // It makes whatever its Applications name, as the permissions of Argo CD's own controller.
    ("argocd-application-controller", &[may("*", "*", "*")]),
    (
        "rollouts-controller",
        &[
            may("get list patch update watch", "argoproj.io", "rollouts"),
            may("patch update", "argoproj.io", "rollouts/status"),
            may(
                "create delete get list patch update watch",
                "argoproj.io",
                "analysisruns",
            ),
            may(
                READ,
                "argoproj.io",
                "analysistemplates clusteranalysistemplates",
            ),
            may(
                "create delete get list patch update watch",
                "apps",
                "replicasets",
            ),
            may(READ, "core", "pods"),
            may("create", "core", "pods/eviction"),
            may("get list patch update watch", "core", "services"),
            may(
                "get list patch update watch",
                "networking.istio.io",
                "virtualservices",
            ),
            EVENTS,
        ],
    ),
    (
        "experiment-controller",
        &[
            may("get list patch update watch", "argoproj.io", "experiments"),
            may("patch update", "argoproj.io", "experiments/status"),
            EVENTS,
        ],
    ),
    (
        "analysis-controller",
        &[
            may("get list patch update watch", "argoproj.io", "analysisruns"),
            may("patch update", "argoproj.io", "analysisruns/status"),
            may(
                READ,
                "argoproj.io",
                "analysistemplates clusteranalysistemplates",
            ),
            EVENTS,
        ],
    ),
];
