//! The core group.

use super::row::{Row, row};
use crate::name::NameRule;
use crate::registry::Generation::Counted;
use crate::registry::Scope::{Cluster, Namespaced};
use crate::registry::{Subresource, Verbs};
use crate::strategy;

/// Fields of events by which they can be selected: those of the stored form, and the other names that
/// either group has for them (see `selector`).
pub(super) const EVENT_FIELDS: &[&str] = &[
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "regarding.apiVersion",
    "regarding.fieldPath",
    "regarding.kind",
    "regarding.name",
    "regarding.namespace",
    "regarding.resourceVersion",
    "regarding.uid",
    "reportingComponent",
    "reportingController",
    "source",
    "source.component",
    "type",
];

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("", "v1", "Namespace", "namespaces", Cluster)
            .short(&["ns"])
            .status()
            .part(&Subresource::Finalize)
            .select(&["status.phase"])
            .verbs(Verbs::NoCollection)
            .named(NameRule::Label)
            .strategy(&strategy::Namespace),
        row("", "v1", "Pod", "pods", Namespaced)
            .short(&["po"])
            .all()
            .status()
            .part(&Subresource::Log)
            .part(&Subresource::Exec)
            .part(&Subresource::Attach)
            .part(&Subresource::PortForward)
            .part(&Subresource::EphemeralContainers)
            .part(&Subresource::Resize)
            .part(&Subresource::Binding)
            .part(&Subresource::Eviction)
            .select(&[
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            ])
            .generation(Counted)
            .strategy(&strategy::Pod),
        row("", "v1", "Node", "nodes", Cluster)
            .short(&["no"])
            .status()
            .select(&["spec.unschedulable"])
            .strategy(&strategy::Node),
        row("", "v1", "Service", "services", Namespaced)
            .short(&["svc"])
            .all()
            .status()
            .select(&["spec.clusterIP", "spec.type"])
            .named(NameRule::HostLabel)
            .strategy(&strategy::Service),
        row("", "v1", "ConfigMap", "configmaps", Namespaced).short(&["cm"]),
        row("", "v1", "Secret", "secrets", Namespaced)
            .select(&["type"])
            .strategy(&strategy::Secret),
        row("", "v1", "ServiceAccount", "serviceaccounts", Namespaced)
            .short(&["sa"])
            .part(&Subresource::Token),
        row("", "v1", "Event", "events", Namespaced)
            .short(&["ev"])
            .select(EVENT_FIELDS),
        row("", "v1", "Endpoints", "endpoints", Namespaced).short(&["ep"]),
        row(
            "",
            "v1",
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            Namespaced,
        )
        .short(&["pvc"])
        .status(),
        row("", "v1", "PersistentVolume", "persistentvolumes", Cluster)
            .short(&["pv"])
            .status(),
        row("", "v1", "ResourceQuota", "resourcequotas", Namespaced)
            .short(&["quota"])
            .status(),
        row("", "v1", "LimitRange", "limitranges", Namespaced).short(&["limits"]),
        row("", "v1", "PodTemplate", "podtemplates", Namespaced),
        row(
            "",
            "v1",
            "ReplicationController",
            "replicationcontrollers",
            Namespaced,
        )
        .short(&["rc"])
        .all()
        .status()
        .scale()
        .select(&["status.replicas"])
        .generation(Counted),
    ]
}
