//! What changes in the cluster mean for the pods that wait.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use seatrial_controller::{Change, ObjectKey, key_of};

use super::{Scheduler, name_of};
use crate::cluster::NodeChange;
use crate::pod::{Demand, has_ended, is_gated, is_waiting};
use crate::reason::Cause;
use crate::report::{self, Nomination, Reason};
use crate::volume::is_bound;

/// Everything that a new node may help with.
const ANY: &[Cause] = &[
    Cause::Labels,
    Cause::Taints,
    Cause::Room,
    Cause::Pods,
    Cause::Volumes,
];

/// What a change of a node may help with.
fn causes(change: NodeChange) -> &'static [Cause] {
    match change {
        NodeChange::Added => ANY,
        NodeChange::Labels => &[Cause::Labels, Cause::Pods, Cause::Volumes],
        NodeChange::Taints => &[Cause::Taints, Cause::Pods],
        NodeChange::Room => &[Cause::Room],
    }
}

impl Scheduler {
    pub(super) fn take_node(&mut self, change: &Change<Node>) {
        match change {
            Change::Applied { object, .. } => {
                for change in self.cluster.set_node(object) {
                    self.pending.stir(causes(change));
                }
            }
            Change::Removed(node) => {
                self.cluster.remove_node(name_of(&node.metadata));
                // Where fewer values of a label are left, a spread may hold.
                self.pending.stir(&[Cause::Pods]);
            }
        }
    }

    pub(super) fn take_namespace(&mut self, change: &Change<Namespace>) {
        let (meta, present) = match change {
            Change::Applied { object, .. } => (&object.metadata, true),
            Change::Removed(namespace) => (&namespace.metadata, false),
        };
        let labels = present.then(|| meta.labels.clone().unwrap_or_default());
        if self.cluster.set_namespace(name_of(meta), labels) {
            self.pending.stir(&[Cause::Pods]);
        }
    }

    pub(super) fn take_claim(&mut self, change: &Change<PersistentVolumeClaim>) {
        self.pending.stir(&[Cause::Volumes, Cause::Pods]);
        let claim = change.object();
        if matches!(change, Change::Removed(_)) || is_bound(claim) {
            let key = key_of(&**claim);
            self.reserved.retain(|_, holder| *holder != key);
        }
    }

    pub(super) fn take_volume(&mut self, change: &Change<PersistentVolume>) {
        self.pending.stir(&[Cause::Volumes]);
        let volume = change.object();
        let claimed = volume
            .spec
            .as_ref()
            .is_some_and(|spec| spec.claim_ref.is_some());
        if matches!(change, Change::Removed(_)) || claimed {
            self.reserved.remove(name_of(&volume.metadata));
        }
    }

    pub(super) fn take_pod(&mut self, change: &Change<Pod>) {
        let pod = change.object();
        let key = key_of(&**pod);
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        if matches!(change, Change::Removed(_)) || has_ended(pod) {
            self.forget_pod(&key);
        } else if let Some(node) = node.filter(|node| !node.is_empty()) {
            self.confirm(&key, change, node);
        } else if !is_waiting(pod) {
            self.forget_pod(&key);
        } else if is_gated(pod) {
            self.pending.remove(&key);
            let (ctx, pod) = (self.ctx.clone(), pod.clone());
            self.say(async move {
                let reason = Reason::SchedulingGated;
                report::explain(&ctx, &pod, reason, GATED, Nomination::Keep).await;
            });
        } else {
            self.take_waiting(&key, change);
        }
    }

    fn forget_pod(&mut self, key: &ObjectKey) {
        self.pending.remove(key);
        self.cluster.nominate(key, None);
        if self.cluster.remove(key).is_some() {
            self.pending.stir(&[Cause::Room, Cause::Pods]);
        }
    }

    /// A pod is on a node, by our doing or another's.
    fn confirm(&mut self, key: &ObjectKey, change: &Change<Pod>, node: &str) {
        let pod = change.object();
        if let Change::Applied {
            before: Some(before),
            ..
        } = change
            && same_place(before, pod)
        {
            return;
        }
        self.pending.remove(key);
        self.cluster.nominate(key, None);
        self.cluster.place(key, node, &Arc::new(Demand::of(pod)));
        self.pending.stir(&[Cause::Pods]);
    }

    fn take_waiting(&mut self, key: &ObjectKey, change: &Change<Pod>) {
        let pod = change.object();
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        match self.cluster.placed(key) {
            // Our binding is under way.
            Some(placed) if placed.demand.uid == uid => return,
            // A successor of the same name.
            Some(_) => self.forget_pod(key),
            None => {}
        }
        let status = pod.status.as_ref();
        let nominated = status.and_then(|status| status.nominated_node_name.as_deref());
        match nominated.filter(|node| !node.is_empty()) {
            Some(node) => {
                let demand = Arc::new(Demand::of(pod));
                self.cluster.nominate(key, Some((node, &demand)));
            }
            None => self.cluster.nominate(key, None),
        }
        let priority = pod.spec.as_ref().and_then(|spec| spec.priority);
        self.pending.add(key, priority.unwrap_or(0));
        if let Change::Applied {
            before: Some(before),
            ..
        } = change
            && (before.spec != pod.spec || before.metadata.labels != pod.metadata.labels)
        {
            self.pending.hurry(key);
        }
    }
}

/// Whether nothing changed of a placed pod that others are placed by. Most changes are of status.
fn same_place(before: &Pod, pod: &Pod) -> bool {
    let started = |pod: &Pod| {
        let status = pod.status.as_ref();
        status.and_then(|status| status.start_time.clone())
    };
    before.metadata.uid == pod.metadata.uid
        && before.metadata.deletion_timestamp == pod.metadata.deletion_timestamp
        && before.metadata.labels == pod.metadata.labels
        && started(before) == started(pod)
        && before.spec == pod.spec
}

const GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";
