//! The walk over the ordinals: what is missing, what is surplus, what is of an old revision. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_controller::Notice;

use super::observe::World;
use super::plan::{Revisions, Step};
use super::{Error, claim, identity};
use crate::pod::{self, Availability};
use crate::scaled::{Rounding, scaled};

/// The most steps of one pass, as of a ReplicaSet: what they change starts the next.
const BURST: usize = 500;

/// Whether the walk goes on in this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    /// Something has to happen first; its change will start the next pass.
    Wait,
}

/// How pods of an old revision are replaced.
enum Strategy {
    OnDelete,
    Rolling { partition: i32, unavailable: i32 },
}

pub(super) struct Walk<'a> {
    set: &'a StatefulSet,
    world: &'a World,
    revisions: &'a Revisions,
    now: Timestamp,
    /// One after the other, each only when the one before is available.
    ordered: bool,
    start: i32,
    end: i32,
    /// Wanted pods that exist, by ordinal.
    members: BTreeMap<i32, Arc<Pod>>,
    /// Those beyond the wanted ordinals.
    condemned: BTreeMap<i32, Arc<Pod>>,
    pub(super) steps: Vec<Step>,
}

pub(super) fn spec(set: &StatefulSet) -> Option<&StatefulSetSpec> {
    set.spec.as_ref()
}

/// The first ordinal, and the one after the last.
pub(super) fn range(set: &StatefulSet) -> (i32, i32) {
    let ordinals = spec(set).and_then(|spec| spec.ordinals.as_ref());
    let start = ordinals.and_then(|ordinals| ordinals.start).unwrap_or(0);
    let count = spec(set).and_then(|spec| spec.replicas).unwrap_or(1);
    (start, start.saturating_add(count))
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        set: &'a StatefulSet,
        world: &'a World,
        revisions: &'a Revisions,
        now: Timestamp,
    ) -> Self {
        let (start, end) = range(set);
        let policy = spec(set).and_then(|spec| spec.pod_management_policy.as_deref());
        let (mut members, mut condemned) = (BTreeMap::new(), BTreeMap::new());
        for pod in &world.owned {
            let Some(ordinal) = identity::ordinal(set, pod) else {
                continue;
            };
            if (start..end).contains(&ordinal) {
                members.insert(ordinal, pod.clone());
            } else {
                condemned.insert(ordinal, pod.clone());
            }
        }
        Self {
            set,
            world,
            revisions,
            now,
            ordered: policy != Some("Parallel"),
            start,
            end,
            members,
            condemned,
            steps: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) -> Result<(), Error> {
        let strategy = self.strategy()?;
        self.settle_owners();
        for ordinal in self.start..self.end {
            if self.fill(ordinal, &strategy) == Flow::Wait || self.steps.len() >= BURST {
                return Ok(());
            }
        }
        if self.shrink() == Flow::Wait {
            return Ok(());
        }
        if let Strategy::Rolling {
            partition,
            unavailable,
        } = strategy
        {
            self.replace(partition, unavailable);
        }
        Ok(())
    }

    fn strategy(&self) -> Result<Strategy, Error> {
        let strategy = spec(self.set).and_then(|spec| spec.update_strategy.as_ref());
        if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
            return Ok(Strategy::OnDelete);
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let one = IntOrString::Int(1);
        let asked = rolling
            .and_then(|rolling| rolling.max_unavailable.as_ref())
            .unwrap_or(&one);
        let unavailable = scaled(asked, self.end - self.start, Rounding::Down)
            .ok_or_else(|| Error::MaxUnavailable(format!("{asked:?}")))?;
        Ok(Strategy::Rolling {
            partition: rolling.and_then(|rolling| rolling.partition).unwrap_or(0),
            unavailable: unavailable.max(1),
        })
    }

    fn is_available(&self, pod: &Pod) -> bool {
        let seconds = spec(self.set).and_then(|spec| spec.min_ready_seconds);
        pod::phase(pod) == "Running"
            && pod.metadata.deletion_timestamp.is_none()
            && pod::availability(pod, seconds.unwrap_or(0), self.now) == Availability::Yes
    }

    /// Claims are handed to whom the retention policy says, before any pod goes.
    fn settle_owners(&mut self) {
        let members = self
            .members
            .iter()
            .map(|(ordinal, pod)| (ordinal, pod, false));
        let condemned = self
            .condemned
            .iter()
            .map(|(ordinal, pod)| (ordinal, pod, true));
        for (ordinal, pod, leaves) in members.chain(condemned) {
            for template in claim::templates(self.set) {
                let name = claim::name(self.set, template, *ordinal);
                let Some(present) = self.world.claims.get(&name) else {
                    continue;
                };
                if let Some(owners) = claim::owners(self.set, present, pod, leaves) {
                    self.steps.push(Step::Own(present.clone(), owners));
                }
            }
        }
    }

    /// Brings one ordinal closer to a pod that is available.
    fn fill(&mut self, ordinal: i32, strategy: &Strategy) -> Flow {
        let Some(pod) = self.members.get(&ordinal).cloned() else {
            return self.create(ordinal, strategy);
        };
        let wait = if self.ordered { Flow::Wait } else { Flow::Go };
        if pod.metadata.deletion_timestamp.is_some() {
            return wait;
        }
        if pod::is_finished(&pod) {
            self.recreate(&pod);
            return wait;
        }
        if pod::phase(&pod) == "Pending" && self.claim(ordinal, Some(&pod)) == Flow::Wait {
            return wait;
        }
        let missing = identity::missing_labels(self.set, &pod, ordinal);
        if !missing.is_empty() {
            self.steps.push(Step::Amend(pod.clone(), missing));
        }
        if self.is_available(&pod) {
            Flow::Go
        } else {
            wait
        }
    }

    /// A finished pod goes; the next pass makes its successor.
    fn recreate(&mut self, pod: &Arc<Pod>) {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let namespace = self.set.metadata.namespace.as_deref().unwrap_or_default();
        let set = identity::set_name(self.set);
        let (reason, what) = match pod::phase(pod) {
            "Failed" => ("RecreatingFailedPod", "failed"),
            _ => ("RecreatingTerminatedPod", "terminated"),
        };
        let text = format!("StatefulSet {namespace}/{set} is recreating {what} Pod {name}");
        let notice = match what {
            "failed" => Notice::warning(reason, text),
            _ => Notice::normal(reason, text),
        };
        self.steps.push(Step::Tell(notice));
        self.steps.push(Step::Delete(pod.clone()));
    }

    fn create(&mut self, ordinal: i32, strategy: &Strategy) -> Flow {
        if self.claim(ordinal, None) == Flow::Wait {
            return if self.ordered { Flow::Wait } else { Flow::Go };
        }
        let (template, revision) = self.template(ordinal, strategy);
        let pod = identity::pod(self.set, template, revision, ordinal);
        self.steps.push(Step::Create(Box::new(pod)));
        if self.ordered { Flow::Wait } else { Flow::Go }
    }

    /// Pods below the partition are made of the revision that was current before.
    fn template(&self, ordinal: i32, strategy: &Strategy) -> (&'a PodTemplateSpec, &'a str) {
        let revisions = self.revisions;
        let newest = self.set.spec.as_ref().map(|spec| &spec.template);
        match (strategy, newest) {
            (Strategy::Rolling { partition, .. }, _)
                if ordinal < self.start.saturating_add(*partition) =>
            {
                (&revisions.current_template, &revisions.current)
            }
            (_, Some(newest)) => (newest, &revisions.update),
            (_, None) => (&revisions.current_template, &revisions.current),
        }
    }

    /// Makes the claims that a pod lacks. A claim that goes is waited for.
    fn claim(&mut self, ordinal: i32, pod: Option<&Pod>) -> Flow {
        let mut missing = Vec::new();
        for template in claim::templates(self.set) {
            match self
                .world
                .claims
                .get(&claim::name(self.set, template, ordinal))
            {
                None => missing.push(claim::fresh(self.set, template, ordinal)),
                Some(present) => {
                    let leaving = present.metadata.deletion_timestamp.is_some();
                    if leaving || claim::is_stale(present, pod) {
                        return Flow::Wait;
                    }
                }
            }
        }
        let pod = identity::pod_name(self.set, ordinal);
        let steps = missing
            .into_iter()
            .map(|claim| Step::Claim(Box::new(claim), pod.clone()));
        self.steps.extend(steps);
        Flow::Go
    }

    /// Removes surplus pods, the highest ordinal first.
    fn shrink(&mut self) -> Flow {
        let unhealthy = self
            .members
            .values()
            .chain(self.condemned.values())
            .find(|pod| !is_healthy(pod))
            .cloned();
        let doomed: Vec<_> = self.condemned.values().rev().cloned().collect();
        for pod in doomed {
            if pod.metadata.deletion_timestamp.is_some() {
                if self.ordered {
                    return Flow::Wait;
                }
                continue;
            }
            let is_first = unhealthy
                .as_ref()
                .is_some_and(|first| Arc::ptr_eq(first, &pod));
            if self.ordered && !is_healthy(&pod) && !is_first {
                return Flow::Wait;
            }
            self.steps.push(Step::Delete(pod));
            if self.ordered {
                return Flow::Wait;
            }
        }
        Flow::Go
    }

    /// Deletes pods of an old revision, the highest ordinal first, so many that no more than
    /// `unavailable` are out at once.
    fn replace(&mut self, partition: i32, unavailable: i32) {
        let out = self.members.values().filter(|pod| !self.is_available(pod));
        // One at a time does not ask who else is out (as upstream): it only waits for those above.
        let mut room = match usize::try_from(unavailable).unwrap_or(1) {
            1 => 1,
            many => many.saturating_sub(out.count()),
        };
        let first = self.start.saturating_add(partition);
        let mut doomed = Vec::new();
        for (_, pod) in self.members.range(first..).rev() {
            let old = identity::revision(pod) != self.revisions.update;
            let leaving = pod.metadata.deletion_timestamp.is_some();
            let available = self.is_available(pod);
            match (old && !leaving, available) {
                // One that is out already costs nothing to replace.
                (true, false) => doomed.push(pod.clone()),
                (true, true) if room > 0 => {
                    room -= 1;
                    doomed.push(pod.clone());
                }
                (true, true) => break,
                (false, false) if unavailable == 1 => break,
                (false, _) => {}
            }
            if unavailable == 1 && !doomed.is_empty() {
                break;
            }
        }
        self.steps.extend(doomed.into_iter().map(Step::Delete));
    }
}

fn is_healthy(pod: &Pod) -> bool {
    pod::phase(pod) == "Running" && pod::is_ready(pod) && pod.metadata.deletion_timestamp.is_none()
}
