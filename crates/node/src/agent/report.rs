//! What a pod's worker tells the API: the status where it changed, and the pod's end.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::DeleteParams;
use seatrial_controller::{Chain, key_of};

use super::decide::{Action, decide};
use super::worker::{Object, Worker};
use super::world::{Activity, Sandbox};
use crate::runtime::sandbox::remove_tree;
use crate::status::{State, pod_status, write_status};

/// While something is being made or started, a status is held back this long: often the next one
/// replaces it.
const PATIENCE: SignedDuration = SignedDuration::from_millis(50);
/// How long to wait before a failed write is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

impl Worker {
    /// Writes the status where it changed, and the pod's end where it has come. Says when to look
    /// again.
    pub(super) async fn report(&mut self, wake: Option<Timestamp>) -> Option<Timestamp> {
        if self.object != Object::Present {
            return wake;
        }
        let now = self.now();
        let status = self.status(now);
        let decision = decide(&self.pod, &self.world, now);
        let over = decision.actions.contains(&Action::Delete);
        let earliest =
            |one: Option<Timestamp>, other: Timestamp| Some(one.map_or(other, |it| it.min(other)));
        if self.reported.as_ref() != Some(&status) {
            let pending = self.is_pending() && !over;
            let due =
                *self
                    .report_at
                    .get_or_insert(if pending { after(now, PATIENCE) } else { now });
            if pending && due > now {
                return earliest(wake, due);
            }
            self.report_at = None;
            match write_status(&self.shared.ctx.scoped(), &self.pod, &status).await {
                Ok(()) => self.reported = Some(status),
                // Gone, or replaced by another of its name: the cache will say so.
                Err(error) if error.is_not_found() || error.is_conflict() => {
                    self.reported = Some(status);
                }
                Err(error) => {
                    tracing::warn!("{}", Chain(&error));
                    let retry = after(now, RETRY);
                    self.report_at = Some(retry);
                    return earliest(wake, retry);
                }
            }
        }
        if over {
            let pods = self.shared.ctx.scoped().objects::<Pod>();
            let params = DeleteParams::default().grace_period(0);
            match pods.delete_with(&self.pod, params).await {
                Ok(()) => self.object = Object::Deleted,
                Err(error) => {
                    tracing::warn!("{}", Chain(&error));
                    return earliest(wake, after(now, RETRY));
                }
            }
        }
        wake
    }

    /// Whether the status is likely to change in a moment.
    fn is_pending(&self) -> bool {
        let starting = self
            .world
            .units()
            .any(|unit| unit.activity == Activity::Starting);
        starting || matches!(self.world.sandbox, Sandbox::Creating { .. })
    }

    /// The status now. Transition times come from the status that was written last, since the cache
    /// may lag behind it; conditions of others come from the cache.
    fn status(&self, now: Timestamp) -> PodStatus {
        let mut basis = Pod::clone(&self.pod);
        if let Some(reported) = &self.reported {
            let own = reported.conditions.clone().unwrap_or_default();
            let cached = basis
                .status
                .take()
                .and_then(|status| status.conditions)
                .unwrap_or_default();
            let is_own = |kind: &str| {
                [
                    "PodReadyToStartContainers",
                    "Initialized",
                    "Ready",
                    "ContainersReady",
                    "PodScheduled",
                ]
                .contains(&kind)
            };
            let own = own.into_iter().filter(|it| is_own(&it.type_));
            let foreign = cached.into_iter().filter(|it| !is_own(&it.type_));
            let conditions = Some(own.chain(foreign).collect());
            basis.status = Some(PodStatus {
                conditions,
                ..PodStatus::default()
            });
        }
        self.publish_waits();
        pod_status(&basis, &self.world.view(), now)
    }

    /// Tells those who ask for logs why a container waits.
    fn publish_waits(&self) {
        let mut parts = self.live.parts();
        for unit in self.world.units() {
            if let State::Waiting { reason, .. } = &unit.view.state
                && let Some(part) = parts.part(&unit.view.name)
            {
                (*reason).clone_into(&mut part.waits);
            }
        }
    }

    /// Deletes what is left of a pod that is gone.
    pub(super) fn clean_up(&mut self) {
        if let Some(address) = self.address {
            self.shared.addresses().give_back(address);
        }
        let directory = self.shared.pod(&self.pod);
        if let Err(error) = remove_tree(&directory) {
            tracing::warn!("remove {}: {error}", directory.display());
        }
        let key = key_of(&*self.pod);
        let mut pods = self.shared.pods();
        if pods
            .get(&key)
            .is_some_and(|it| Some(&it.uid) == self.pod.metadata.uid.as_ref())
        {
            pods.remove(&key);
        }
    }
}

fn after(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}
