//! What makes pods, and what goes along with them.

use super::core::EVENT_FIELDS;
use super::row::{Row, row};
use crate::registry::Conversion;
use crate::registry::Generation::Counted;
use crate::registry::Scope::Namespaced;
use crate::strategy;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("apps", "v1", "Deployment", "deployments", Namespaced)
            .short(&["deploy"])
            .all()
            .status()
            .scale()
            .generation(Counted),
        row("apps", "v1", "ReplicaSet", "replicasets", Namespaced)
            .short(&["rs"])
            .all()
            .status()
            .scale()
            .select(&["status.replicas"])
            .generation(Counted),
        row("apps", "v1", "StatefulSet", "statefulsets", Namespaced)
            .short(&["sts"])
            .all()
            .status()
            .scale()
            .generation(Counted),
        row("apps", "v1", "DaemonSet", "daemonsets", Namespaced)
            .short(&["ds"])
            .all()
            .status()
            .generation(Counted),
        row(
            "apps",
            "v1",
            "ControllerRevision",
            "controllerrevisions",
            Namespaced,
        ),
        row("batch", "v1", "Job", "jobs", Namespaced)
            .all()
            .status()
            .select(&["status.successful"])
            .generation(Counted)
            .strategy(&strategy::Job),
        row("batch", "v1", "CronJob", "cronjobs", Namespaced)
            .short(&["cj"])
            .all()
            .status()
            .generation(Counted),
        row(
            "autoscaling",
            "v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            Namespaced,
        )
        .short(&["hpa"])
        .all()
        .status()
        .also(
            "v1",
            Conversion::Convert {
                to_served: crate::autoscaler::to_v1,
                to_stored: crate::autoscaler::to_v2,
            },
        ),
        row(
            "discovery.k8s.io",
            "v1",
            "EndpointSlice",
            "endpointslices",
            Namespaced,
        )
        .generation(Counted),
        row("coordination.k8s.io", "v1", "Lease", "leases", Namespaced),
        row("events.k8s.io", "v1", "Event", "events", Namespaced)
            .short(&["ev"])
            .select(EVENT_FIELDS)
            .stored_with(
                "events",
                "v1",
                Conversion::Convert {
                    to_served: crate::event::to_events_group,
                    to_stored: crate::event::to_core,
                },
            ),
    ]
}
