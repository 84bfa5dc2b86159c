//! What a budget reports. Pure; the arithmetic and the texts are upstream's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use seatrial_controller::Notice;

use crate::pod;
use crate::scaled::{Rounding, scaled};

/// How long an evicted pod counts as going before it is believed to stay.
const DELETION_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);
const ALLOWED: &str = "DisruptionAllowed";

/// How many pods whoever made a pod wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scale {
    /// The controller with this uid wants that many.
    Of(String, i32),
    /// No controller made it.
    Nobody,
    /// It cannot be known, for this reason.
    Unknown(String),
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) status: PodDisruptionBudgetStatus,
    pub(super) events: Vec<Notice>,
    pub(super) next: Option<Duration>,
}

/// How many pods are expected, and how many of them must be healthy.
struct Wanted {
    expected: i32,
    healthy: i32,
}

/// Whether the sizes of the pods' controllers matter to the budget.
pub(super) fn asks_for_sizes(budget: &PodDisruptionBudget) -> bool {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    budget.spec.as_ref().is_some_and(|spec| {
        let percent = matches!(spec.min_available, Some(IntOrString::String(_)));
        spec.max_unavailable.is_some() || percent
    })
}

pub(super) fn decide(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    scale: impl Fn(&Pod) -> Scale,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan {
        status: budget.status.clone().unwrap_or_default(),
        events: Vec::new(),
        next: None,
    };
    plan.status.observed_generation = budget.metadata.generation;
    if pods.is_empty() {
        plan.events
            .push(Notice::normal("NoPods", "No matching pods found"));
    }
    let wanted = match wanted(budget, pods, scale, &mut plan) {
        Ok(wanted) => wanted,
        Err(reason) => {
            let text = format!("Failed to calculate the number of expected pods: {reason}");
            plan.events.push(Notice::warning(
                "CalculateExpectedPodCountFailed",
                text.as_str(),
            ));
            plan.status.disruptions_allowed = 0;
            set(
                &mut plan.status,
                budget,
                "False",
                "SyncFailed",
                &reason,
                now,
            );
            return plan;
        }
    };
    let disrupted = disrupted(budget, pods, now, &mut plan);
    let healthy = pods.iter().filter(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        pod.metadata.deletion_timestamp.is_none()
            && !disrupted.contains_key(name)
            && pod::is_ready(pod)
    });
    let status = &mut plan.status;
    status.current_healthy = i32::try_from(healthy.count()).unwrap_or(i32::MAX);
    status.desired_healthy = wanted.healthy;
    status.expected_pods = wanted.expected;
    let room = status.current_healthy - wanted.healthy;
    status.disruptions_allowed = if wanted.expected > 0 { room.max(0) } else { 0 };
    status.disrupted_pods = (!disrupted.is_empty()).then_some(disrupted);
    let (value, reason) = if status.disruptions_allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    set(status, budget, value, reason, "", now);
    plan
}

fn wanted(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    scale: impl Fn(&Pod) -> Scale,
    plan: &mut Plan,
) -> Result<Wanted, String> {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    let present = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    let spec = budget.spec.as_ref();
    let invalid = |value: &IntOrString| format!("invalid value for IntOrString: {value:?}");
    if let Some(most) = spec.and_then(|spec| spec.max_unavailable.as_ref()) {
        let expected = expected(pods, scale, plan)?;
        let out = scaled(most, expected, Rounding::Up).ok_or_else(|| invalid(most))?;
        let healthy = (expected - out).max(0);
        return Ok(Wanted { expected, healthy });
    }
    match spec.and_then(|spec| spec.min_available.as_ref()) {
        Some(IntOrString::Int(healthy)) => Ok(Wanted {
            expected: present,
            healthy: *healthy,
        }),
        Some(percent) => {
            let expected = expected(pods, scale, plan)?;
            let healthy =
                scaled(percent, expected, Rounding::Up).ok_or_else(|| invalid(percent))?;
            Ok(Wanted { expected, healthy })
        }
        // Upstream's default: one.
        None => Ok(Wanted {
            expected: present,
            healthy: 1,
        }),
    }
}

/// The sum of what the controllers of the pods want.
fn expected(
    pods: &[Arc<Pod>],
    scale: impl Fn(&Pod) -> Scale,
    plan: &mut Plan,
) -> Result<i32, String> {
    let mut sizes = BTreeMap::new();
    let mut unmanaged = Vec::new();
    for pod in pods {
        match scale(pod) {
            Scale::Of(uid, size) => {
                sizes.insert(uid, size);
            }
            Scale::Nobody => unmanaged.push(pod.metadata.name.clone().unwrap_or_default()),
            Scale::Unknown(reason) => return Err(reason),
        }
    }
    if !unmanaged.is_empty() {
        let text = format!(
            "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. \
             As a result, the status of the PDB cannot be calculated correctly, which may result \
             in undefined behavior. To account for these pods please set \".spec.minAvailable\" \
             field of the PDB to an integer value.",
            unmanaged.join(", ")
        );
        plan.events.push(Notice::warning("UnmanagedPods", text));
    }
    Ok(sizes.values().sum())
}

/// Evicted pods whose deletion has not been seen yet.
fn disrupted(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    now: Timestamp,
    plan: &mut Plan,
) -> BTreeMap<String, Time> {
    let before = budget
        .status
        .as_ref()
        .and_then(|status| status.disrupted_pods.clone());
    let mut kept = BTreeMap::new();
    for (name, since) in before.unwrap_or_default() {
        let there = pods.iter().find(|pod| {
            pod.metadata.name.as_ref() == Some(&name) && pod.metadata.deletion_timestamp.is_none()
        });
        let Some(pod) = there else { continue };
        let left = DELETION_TIMEOUT - now.duration_since(since.0);
        match Duration::try_from(left).ok().filter(|left| !left.is_zero()) {
            Some(left) => {
                plan.next = Some(plan.next.map_or(left, |next| next.min(left)));
                kept.insert(name, since);
            }
            None => {
                let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
                let own = budget.metadata.name.as_deref().unwrap_or_default();
                let text = format!(
                    "Pod was expected by PDB {namespace}/{own} to be deleted but it wasn't"
                );
                let about = kube::Resource::object_ref(&**pod, &());
                plan.events
                    .push(Notice::warning("NotDeleted", text).about(about));
            }
        }
    }
    kept
}

fn set(
    status: &mut PodDisruptionBudgetStatus,
    budget: &PodDisruptionBudget,
    value: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    let before = conditions.iter().find(|one| one.type_ == ALLOWED);
    let since = before
        .filter(|one| one.status == value)
        .map_or(Time(now), |one| one.last_transition_time.clone());
    let condition = Condition {
        type_: ALLOWED.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: since,
        observed_generation: budget.metadata.generation,
    };
    conditions.retain(|one| one.type_ != ALLOWED);
    conditions.push(condition);
}
