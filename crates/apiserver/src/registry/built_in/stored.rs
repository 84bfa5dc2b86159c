//! Kinds that are checked and kept for the clients that use them, and that nothing here acts on.
//!
//! Informers of schedulers, storage drivers and operators start with a list of each; without the kind
//! they never finish starting.

use super::row::{Row, row};
use crate::name::NameRule;
use crate::registry::Generation::Counted;
use crate::registry::Scope::{Cluster, Namespaced};

pub(super) fn rows() -> Vec<Row> {
    [flow_control(), networking(), storage(), devices()]
        .into_iter()
        .flatten()
        .collect()
}

fn flow_control() -> Vec<Row> {
    let group = "flowcontrol.apiserver.k8s.io";
    vec![
        row(group, "v1", "FlowSchema", "flowschemas", Cluster)
            .status()
            .generation(Counted),
        row(
            group,
            "v1",
            "PriorityLevelConfiguration",
            "prioritylevelconfigurations",
            Cluster,
        )
        .status()
        .generation(Counted),
    ]
}

fn networking() -> Vec<Row> {
    let group = "networking.k8s.io";
    vec![
        row(group, "v1", "IPAddress", "ipaddresses", Cluster)
            .short(&["ip"])
            .named(NameRule::Address)
            .select(&["spec.parentRef.name"])
            .generation(Counted),
        row(group, "v1", "ServiceCIDR", "servicecidrs", Cluster)
            .status()
            .generation(Counted),
        row(
            "node.k8s.io",
            "v1",
            "RuntimeClass",
            "runtimeclasses",
            Cluster,
        ),
    ]
}

fn storage() -> Vec<Row> {
    let group = "storage.k8s.io";
    vec![
        row(group, "v1", "CSIDriver", "csidrivers", Cluster).generation(Counted),
        row(group, "v1", "CSINode", "csinodes", Cluster),
        row(
            group,
            "v1",
            "CSIStorageCapacity",
            "csistoragecapacities",
            Namespaced,
        ),
        row(
            group,
            "v1",
            "VolumeAttachment",
            "volumeattachments",
            Cluster,
        )
        .status(),
        row(
            group,
            "v1",
            "VolumeAttributesClass",
            "volumeattributesclasses",
            Cluster,
        )
        .short(&["vac"]),
    ]
}

fn devices() -> Vec<Row> {
    let group = "resource.k8s.io";
    vec![
        row(group, "v1", "DeviceClass", "deviceclasses", Cluster).generation(Counted),
        row(group, "v1", "ResourceClaim", "resourceclaims", Namespaced).status(),
        row(
            group,
            "v1",
            "ResourceClaimTemplate",
            "resourceclaimtemplates",
            Namespaced,
        ),
        row(group, "v1", "ResourceSlice", "resourceslices", Cluster)
            .select(&["spec.driver", "spec.nodeName"])
            .generation(Counted),
    ]
}
