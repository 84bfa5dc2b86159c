//! What each controller may do. Where a controller does by a patch what upstream's does by an update,
//! it has both; it writes nothing else that upstream's does not.

mod cluster;
mod own;
mod pods;

use super::{EVENTS, Grant, READ, may};

/// A controller's name, and its rights.
type Row = (&'static str, &'static [Grant]);

/// Name and rights of every controller; each is a service account in `kube-system`.
pub(super) fn controllers() -> impl Iterator<Item = &'static Row> {
    [cluster::ROWS, pods::ROWS, own::ROWS].into_iter().flatten()
}

const NODE_LIFECYCLE: &[Grant] = &[
    may("delete get list patch update watch", "core", "nodes"),
    may("patch update", "core", "nodes/status"),
    may("patch update", "core", "pods/status"),
    may("delete get list watch", "core", "pods"),
    may(READ, "coordination.k8s.io", "leases"),
    EVENTS,
];

const TAINTS: &[Grant] = &[
    may(READ, "core", "nodes"),
    may("delete get list watch", "core", "pods"),
    may("patch update", "core", "pods/status"),
    EVENTS,
];
