//! Counts every ended pod exactly once. Pure.
//!
//! A pod holds a finalizer until it is counted, so one that is deleted is not forgotten:
//!
//! ```text
//!   ended ──► its uid is noted in the status ──► its finalizer goes ──► the count grows, the uid goes
//! ```
//!
//! Each arrow is a pass of its own, since the status must be stored before the finalizer goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobSpec, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;

use super::indexes::Indexes;
use super::policy::{self, Meaning};
use super::status;
use crate::pod;

pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
pub(super) const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// The pods of a job, sorted and counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Neither ended nor on their way out.
    pub(super) active: Vec<Arc<Pod>>,
    /// On their way out, not ended.
    pub(super) terminating: Vec<Arc<Pod>>,
    /// Pods whose finalizer is to go.
    pub(super) strip: Vec<Arc<Pod>>,
    /// Counted for good.
    pub(super) counted: (i32, i32),
    /// Ended, noted, not yet counted: succeeded, failed.
    pub(super) noted: (BTreeSet<String>, BTreeSet<String>),
    pub(super) completed: Indexes,
    pub(super) failed_indexes: Indexes,
    /// Why a rule says that the job has failed.
    pub(super) verdict: Option<String>,
    /// By index: failures and ignored failures so far.
    pub(super) failures: BTreeMap<i32, (i32, i32)>,
}

pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

pub(super) fn has_finalizer(pod: &Pod) -> bool {
    let finalizers = pod.metadata.finalizers.iter().flatten();
    finalizers.into_iter().any(|one| one == FINALIZER)
}

fn note<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let annotations = pod.metadata.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}

/// The completion index of a pod.
pub(super) fn index(pod: &Pod) -> Option<i32> {
    note(pod, INDEX)?.parse().ok()
}

fn number(pod: &Pod, name: &str) -> i32 {
    note(pod, name)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Whether terminating pods keep their place until they have ended.
pub(super) fn replaces_only_failed(spec: &JobSpec) -> bool {
    spec.pod_replacement_policy.as_deref() == Some("Failed")
}

/// Whether the pod counts as failed. One that is being deleted does, unless it is waited for.
pub(super) fn is_failed(spec: &JobSpec, pod: &Pod) -> bool {
    let bound = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .is_some_and(|node| !node.is_empty());
    match pod::phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        // Where it never ran, nobody will ever say that it failed.
        _ => pod.metadata.deletion_timestamp.is_some() && (!replaces_only_failed(spec) || !bound),
    }
}

impl Tally {
    pub(super) fn of(job: &Job, spec: &JobSpec, pods: &[Arc<Pod>]) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let end = spec.completions.unwrap_or(i32::MAX);
        let parse = |text: Option<&String>| {
            text.map_or_else(Indexes::default, |text| Indexes::parse(text, end))
        };
        let mut tally = Self {
            counted: (status.succeeded.unwrap_or(0), status.failed.unwrap_or(0)),
            completed: parse(status.completed_indexes.as_ref()),
            failed_indexes: parse(status.failed_indexes.as_ref()),
            ..Self::default()
        };
        let before = status.uncounted_terminated_pods.unwrap_or_default();
        tally.settle(before, pods);
        for pod in pods {
            tally.take(spec, pod);
        }
        if status::decided(job).is_none() {
            tally.keep_last_failures(spec, pods);
        }
        tally
    }

    /// Those noted before: the finalizer goes, and where it has gone the pod is counted.
    fn settle(&mut self, before: UncountedTerminatedPods, pods: &[Arc<Pod>]) {
        let held: BTreeMap<&str, &Arc<Pod>> = pods
            .iter()
            .filter(|pod| has_finalizer(pod))
            .filter_map(|pod| Some((pod.metadata.uid.as_deref()?, pod)))
            .collect();
        let Self {
            strip,
            counted,
            noted,
            ..
        } = self;
        let lists = [
            (before.succeeded, &mut counted.0, &mut noted.0),
            (before.failed, &mut counted.1, &mut noted.1),
        ];
        for (uids, counted, noted) in lists {
            for uid in uids.unwrap_or_default() {
                match held.get(uid.as_str()) {
                    Some(pod) => {
                        strip.push(Arc::clone(pod));
                        noted.insert(uid);
                    }
                    None => *counted = counted.saturating_add(1),
                }
            }
        }
    }

    fn take(&mut self, spec: &JobSpec, pod: &Arc<Pod>) {
        let failed = is_failed(spec, pod);
        if !pod::is_finished(pod) {
            if pod.metadata.deletion_timestamp.is_some() {
                self.terminating.push(pod.clone());
            } else {
                self.active.push(pod.clone());
                return;
            }
        }
        if failed {
            self.remember_failure(spec, pod);
        }
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let known = self.noted.0.contains(&uid) || self.noted.1.contains(&uid);
        if known || !has_finalizer(pod) {
            return;
        }
        let end = spec.completions.unwrap_or(i32::MAX);
        let place = index(pod).filter(|index| (0..end).contains(index));
        if is_indexed(spec) && place.is_none() {
            self.strip.push(pod.clone());
            return;
        }
        if pod::phase(pod) == "Succeeded" {
            match place.filter(|_| is_indexed(spec)) {
                // Another pod has done this index already.
                Some(index) if !self.completed.0.insert(index) => self.strip.push(pod.clone()),
                _ => {
                    self.noted.0.insert(uid);
                }
            }
        } else if failed {
            self.fail(spec, pod, uid, place);
        }
    }

    fn fail(&mut self, spec: &JobSpec, pod: &Arc<Pod>, uid: String, place: Option<i32>) {
        let meaning = policy::meaning(spec, pod);
        let over = spec
            .backoff_limit_per_index
            .is_some_and(|limit| number(pod, FAILURES) + 1 > limit);
        match (&meaning, place) {
            (Meaning::Ignore, _) => {
                self.strip.push(pod.clone());
                return;
            }
            (Meaning::FailJob(text), _) => {
                self.verdict.get_or_insert_with(|| text.clone());
            }
            (Meaning::FailIndex, Some(index)) => {
                self.failed_indexes.0.insert(index);
            }
            (Meaning::Count, Some(index)) if over => {
                self.failed_indexes.0.insert(index);
            }
            _ => {}
        }
        self.noted.1.insert(uid);
    }

    fn remember_failure(&mut self, spec: &JobSpec, pod: &Pod) {
        let Some(index) = index(pod) else { return };
        let ignored = i32::from(policy::meaning(spec, pod) == Meaning::Ignore);
        let so_far = (
            number(pod, FAILURES) + 1 - ignored,
            number(pod, IGNORED) + ignored,
        );
        let slot = self.failures.entry(index).or_default();
        *slot = (slot.0.max(so_far.0), slot.1.max(so_far.1));
    }

    /// Where failures are counted by index, the last failed pod of an index stays until its successor
    /// is there, since only it knows how often the index failed.
    fn keep_last_failures(&mut self, spec: &JobSpec, pods: &[Arc<Pod>]) {
        if spec.backoff_limit_per_index.is_none() {
            return;
        }
        let mut last: BTreeMap<i32, (i32, &Arc<Pod>)> = BTreeMap::new();
        for pod in pods.iter().filter(|pod| is_failed(spec, pod)) {
            let Some(index) = index(pod) else { continue };
            let rank = number(pod, FAILURES) + number(pod, IGNORED);
            if last.get(&index).is_none_or(|(other, _)| rank >= *other) {
                last.insert(index, (rank, pod));
            }
        }
        let running: BTreeSet<i32> = self.active.iter().filter_map(|pod| index(pod)).collect();
        self.strip.retain(|pod| {
            let Some(index) = index(pod) else { return true };
            let settled = running.contains(&index)
                || self.completed.0.contains(&index)
                || self.failed_indexes.0.contains(&index);
            let is_last = last
                .get(&index)
                .is_some_and(|(_, one)| one.metadata.uid == pod.metadata.uid);
            settled || !is_last
        });
    }

    pub(super) fn succeeded(&self) -> i32 {
        let noted = i32::try_from(self.noted.0.len()).unwrap_or(i32::MAX);
        self.counted.0.saturating_add(noted)
    }

    pub(super) fn failed(&self) -> i32 {
        let noted = i32::try_from(self.noted.1.len()).unwrap_or(i32::MAX);
        self.counted.1.saturating_add(noted)
    }

    /// Whether every ended pod is counted and none runs.
    pub(super) fn is_quiet(&self) -> bool {
        self.active.is_empty()
            && self.terminating.is_empty()
            && self.noted.0.is_empty()
            && self.noted.1.is_empty()
    }

    pub(super) fn uncounted(&self) -> UncountedTerminatedPods {
        let list = |set: &BTreeSet<String>| {
            (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>())
        };
        UncountedTerminatedPods {
            succeeded: list(&self.noted.0),
            failed: list(&self.noted.1),
        }
    }
}
