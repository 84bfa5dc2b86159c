//! How many pods a measured resource asks for. Pure.
//!
//! The share of the target that is in use, times the pods that were measured. Pods without figures
//! count as full before anything is taken away and as idle before anything is added, so that missing
//! figures never make a change larger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::request::requests;
use crate::pod;

/// For how long after its start a pod's processor time is looked at twice (as upstream).
const WARM_UP: SignedDuration = SignedDuration::from_mins(5);
/// A pod that changed its readiness no later than this after its start was never ready (as upstream).
const FIRST_READINESS: SignedDuration = SignedDuration::from_secs(30);

/// What a pod uses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Usage {
    /// When it was measured.
    pub(super) at: Timestamp,
    /// Over which time.
    pub(super) window: SignedDuration,
    /// Thousandths, by container and resource.
    pub(super) containers: BTreeMap<String, BTreeMap<String, i64>>,
}

/// What is asked about a resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// The resource, such as `cpu`.
    pub(super) resource: &'a str,
    /// The only container that counts; all of them where there is none.
    pub(super) container: Option<&'a str>,
    /// What is wanted of each pod.
    pub(super) target: Target,
    /// How far from it is near enough.
    pub(super) tolerance: Tolerance,
}

/// What is wanted of each pod.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// A percentage of what it requests.
    Utilization(i32),
    /// An amount, in thousandths.
    Average(i64),
}

/// Which shares of the target change nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tolerance {
    /// How much less than all of it.
    pub(super) down: f64,
    /// How much more.
    pub(super) up: f64,
}

impl Default for Tolerance {
    /// A tenth, as upstream.
    fn default() -> Self {
        Self { down: 0.1, up: 0.1 }
    }
}

impl Tolerance {
    pub(super) fn covers(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// What the figures ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proposal {
    /// How many pods.
    pub(super) replicas: i32,
    /// The percentage of requests in use, where that is the target.
    pub(super) utilization: Option<i32>,
    /// What a pod uses on average, in thousandths.
    pub(super) average: i64,
}

/// How much of a target is in use.
struct Share {
    ratio: f64,
    utilization: Option<i32>,
    average: i64,
}

/// How many pods there should be, of the `current` ones.
pub(super) fn propose(
    question: &Question<'_>,
    current: i32,
    pods: &[Arc<Pod>],
    usages: &BTreeMap<String, Usage>,
    now: Timestamp,
) -> Result<Proposal, String> {
    let mut used = samples(question, usages)?;
    if pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count".to_owned());
    }
    let groups = group(question, pods, usages, &used, now);
    used.retain(|name, _| !groups.is_set_aside(name));
    let requests = match question.target {
        Target::Utilization(_) => requests(question, pods)?,
        Target::Average(_) => BTreeMap::new(),
    };
    if used.is_empty() {
        let text = "did not receive metrics for targeted pods (pods might be unready)";
        return Err(text.to_owned());
    }
    let share = share(question.target, &used, &requests)?;
    let proposal = |replicas| Proposal {
        replicas,
        utilization: share.utilization,
        average: share.average,
    };
    let wake = !groups.unready.is_empty() && share.ratio > 1.0;
    if !wake && groups.missing.is_empty() {
        let near = question.tolerance.covers(share.ratio);
        let replicas = scaled(share.ratio, groups.ready.len());
        return Ok(proposal(if near { current } else { replicas }));
    }
    assume(question.target, &groups, share.ratio, &requests, &mut used);
    let again = self::share(question.target, &used, &requests)?.ratio;
    let turned = (share.ratio < 1.0 && again > 1.0) || (share.ratio > 1.0 && again < 1.0);
    if turned || question.tolerance.covers(again) {
        return Ok(proposal(current));
    }
    let replicas = scaled(again, used.len());
    let contrary = (again < 1.0 && replicas > current) || (again > 1.0 && replicas < current);
    Ok(proposal(if contrary { current } else { replicas }))
}

/// So many pods at this share of the target would be as many pods at the target.
fn scaled(ratio: f64, pods: usize) -> i32 {
    // A conversion that cuts what is too large.
    (ratio * pods as f64).ceil() as i32
}

/// Gives figures to pods that have none, such that they weaken the change.
fn assume(
    target: Target,
    groups: &Groups,
    ratio: f64,
    requests: &BTreeMap<String, i64>,
    used: &mut BTreeMap<String, i64>,
) {
    for name in &groups.missing {
        let full = match target {
            Target::Utilization(percent) => {
                let request = requests.get(name).copied().unwrap_or_default();
                request.saturating_mul(i64::from(percent.max(100))) / 100
            }
            Target::Average(amount) => amount,
        };
        if ratio < 1.0 {
            used.insert(name.clone(), full);
        } else if ratio > 1.0 || matches!(target, Target::Average(_)) {
            used.insert(name.clone(), 0);
        }
    }
    if ratio > 1.0 {
        used.extend(groups.unready.iter().map(|name| (name.clone(), 0)));
    }
}

/// What each pod uses of the resource; those that do not say so of every container are left out.
fn samples(
    question: &Question<'_>,
    usages: &BTreeMap<String, Usage>,
) -> Result<BTreeMap<String, i64>, String> {
    let resource = question.resource;
    let mut samples = BTreeMap::new();
    for (pod, usage) in usages {
        let sample = match question.container {
            None => {
                let parts = usage.containers.values();
                let all: Option<Vec<i64>> = parts.map(|one| one.get(resource).copied()).collect();
                all.filter(|parts| !parts.is_empty()).map(sum)
            }
            Some(name) => {
                let container = usage.containers.get(name).ok_or_else(|| {
                    format!(
                        "failed to get container metrics: container {name} not present in metrics for pod {pod}"
                    )
                })?;
                container.get(resource).copied()
            }
        };
        samples.extend(sample.map(|sample| (pod.clone(), sample)));
    }
    if samples.is_empty() && usages.is_empty() {
        return Err(format!(
            "unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
        ));
    }
    Ok(samples)
}

fn sum(amounts: Vec<i64>) -> i64 {
    amounts.into_iter().fold(0, i64::saturating_add)
}

/// Pods by what their figures are worth; those that end count for nothing.
#[derive(Debug, Default)]
struct Groups {
    ready: BTreeSet<String>,
    unready: BTreeSet<String>,
    missing: BTreeSet<String>,
    ended: BTreeSet<String>,
}

impl Groups {
    fn is_set_aside(&self, name: &str) -> bool {
        self.unready.contains(name) || self.ended.contains(name)
    }
}

fn group(
    question: &Question<'_>,
    pods: &[Arc<Pod>],
    usages: &BTreeMap<String, Usage>,
    used: &BTreeMap<String, i64>,
    now: Timestamp,
) -> Groups {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let phase = pod::phase(pod);
        if pod.metadata.deletion_timestamp.is_some() || phase == "Failed" {
            groups.ended.insert(name);
        } else if phase == "Pending" {
            groups.unready.insert(name);
        } else if !used.contains_key(&name) {
            groups.missing.insert(name);
        } else if question.resource == "cpu" && starts_up(pod, usages.get(&name), now) {
            groups.unready.insert(name);
        } else {
            groups.ready.insert(name);
        }
    }
    groups
}

/// Whether the pod's processor time is that of its start rather than of its work.
fn starts_up(pod: &Pod, usage: Option<&Usage>, now: Timestamp) -> bool {
    let started = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    let (Some(ready), Some(started), Some(usage)) = (pod::condition(pod, "Ready"), started, usage)
    else {
        return true;
    };
    let unready = ready.status == "False";
    let changed = ready.last_transition_time.as_ref().map(|time| time.0);
    let after = |from: Timestamp, wait: SignedDuration| from.saturating_add(wait).ok();
    if after(started.0, WARM_UP).is_some_and(|end| end > now) {
        let measured_since = changed.and_then(|changed| after(changed, usage.window));
        return unready || measured_since.is_some_and(|since| usage.at < since);
    }
    let never_ready = after(started.0, FIRST_READINESS).zip(changed);
    unready && never_ready.is_some_and(|(end, changed)| end > changed)
}

fn share(
    target: Target,
    used: &BTreeMap<String, i64>,
    requests: &BTreeMap<String, i64>,
) -> Result<Share, String> {
    match target {
        Target::Average(wanted) => {
            let average = mean(used.values().copied());
            Ok(Share {
                ratio: average as f64 / wanted as f64,
                utilization: None,
                average,
            })
        }
        Target::Utilization(wanted) => {
            let known = used
                .iter()
                .filter_map(|(name, used)| Some((*used, *requests.get(name)?)));
            let (used, requested): (Vec<i64>, Vec<i64>) = known.unzip();
            let average = mean(used.iter().copied());
            let (used, requested) = (i128::from(sum(used)), i128::from(sum(requested)));
            if requested == 0 {
                return Err("no metrics returned matched known pods".to_owned());
            }
            let percent = i32::try_from(used * 100 / requested).unwrap_or(i32::MAX);
            Ok(Share {
                ratio: f64::from(percent) / f64::from(wanted),
                utilization: Some(percent),
                average,
            })
        }
    }
}

fn mean(amounts: impl ExactSizeIterator<Item = i64>) -> i64 {
    let count = i64::try_from(amounts.len()).unwrap_or(i64::MAX).max(1);
    amounts.fold(0, i64::saturating_add) / count
}
