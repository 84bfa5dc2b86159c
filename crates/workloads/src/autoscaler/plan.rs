//! What an autoscaler decides, and what it says of it. Pure but for the memory that is handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus, MetricStatus,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::Notice;
use seatrial_schema::amount::Amount;

use super::foreign::Figures;
use super::limit::limit;
use super::measure::{Tolerance, Usage};
use super::memory::Memory;
use super::source;

const ABLE: &str = "AbleToScale";
const ACTIVE: &str = "ScalingActive";
const LIMITED: &str = "ScalingLimited";

/// How large the target is.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    /// How many pods are wanted now.
    pub(super) replicas: i32,
    /// How many there are.
    pub(super) actual: i32,
    /// Which pods they are.
    pub(super) selector: String,
}

/// Everything that a decision follows from.
#[derive(Debug)]
pub(super) struct World {
    /// What time it is.
    pub(super) now: Timestamp,
    /// Where it is.
    pub(super) namespace: String,
    /// How large the target is, or why that cannot be known.
    pub(super) scale: Result<Scale, String>,
    /// Its pods.
    pub(super) pods: Vec<Arc<Pod>>,
    /// What they use, by name, or why that cannot be known.
    pub(super) usages: Result<BTreeMap<String, Usage>, String>,
    /// The autoscalers that look after some of these pods, this one among them.
    pub(super) rivals: Vec<String>,
    /// What others say of the metrics that they serve, by the place of the metric.
    pub(super) others: BTreeMap<usize, Result<Figures, String>>,
}

/// A change of the target's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resize {
    /// The size now.
    pub(super) from: i32,
    /// The size to be.
    pub(super) to: i32,
    /// Why.
    pub(super) reason: String,
}

/// What is to be done and told.
#[derive(Debug)]
pub(super) struct Plan {
    /// The status, before the outcome of a change is known.
    pub(super) status: HorizontalPodAutoscalerStatus,
    /// What happened.
    pub(super) events: Vec<Notice>,
    /// What to change.
    pub(super) resize: Option<Resize>,
    now: Timestamp,
}

impl Plan {
    fn of(scaler: &HorizontalPodAutoscaler, now: Timestamp) -> Self {
        Self {
            status: scaler.status.clone().unwrap_or_default(),
            events: Vec::new(),
            resize: None,
            now,
        }
    }

    fn warn(&mut self, reason: &str, text: impl Into<String>) {
        self.events.push(Notice::warning(reason, text));
    }

    fn say(&mut self, kind: &str, holds: bool, reason: &str, message: impl Into<String>) {
        let status = if holds { "True" } else { "False" };
        let conditions = self.status.conditions.get_or_insert_default();
        let before = conditions.iter().position(|one| one.type_ == kind);
        let since = before
            .map(|place| &conditions[place])
            .filter(|one| one.status == status)
            .and_then(|one| one.last_transition_time.clone());
        let condition = HorizontalPodAutoscalerCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.into()),
            last_transition_time: since.or(Some(Time(self.now))),
        };
        match before {
            Some(place) => conditions[place] = condition,
            None => conditions.push(condition),
        }
    }

    /// Completes the status with the outcome of the change.
    pub(super) fn finish(&mut self, resize: &Resize, outcome: Result<(), String>) {
        let Resize { from, to, reason } = resize;
        match outcome {
            Ok(()) => {
                let text =
                    format!("the HPA controller was able to update the target scale to {to}");
                self.say(ABLE, true, "SucceededRescale", text);
                let text = format!("New size: {to}; reason: {reason}");
                self.events.push(Notice::normal("SuccessfulRescale", text));
                self.status.last_scale_time = Some(Time(self.now));
            }
            Err(error) => {
                let text = format!("New size: {to}; reason: {reason}; error: {error}");
                self.warn("FailedRescale", text);
                let text =
                    format!("the HPA controller was unable to update the target scale: {error}");
                self.say(ABLE, false, "FailedUpdateScale", text);
                self.status.desired_replicas = *from;
            }
        }
    }
}

/// What to do about an autoscaler's target.
pub(super) fn decide(scaler: &HorizontalPodAutoscaler, world: &World, memory: &mut Memory) -> Plan {
    let mut plan = Plan::of(scaler, world.now);
    let Some(spec) = &scaler.spec else {
        return plan;
    };
    let scale = match &world.scale {
        Ok(scale) => scale,
        Err(error) => {
            plan.warn("FailedGetScale", error);
            let text =
                format!("the HPA controller was unable to get the target's current scale: {error}");
            plan.say(ABLE, false, "FailedGetScale", text);
            return plan;
        }
    };
    let text = "the HPA controller was able to get the target's current scale";
    plan.say(ABLE, true, "SucceededGetScale", text);
    let current = scale.replicas;
    memory.begin(current, world.now);
    plan.status.current_replicas = Some(current);
    let least = spec.min_replicas.unwrap_or(1);
    let (wanted, reason) = if current == 0 && least != 0 {
        let text = "scaling is disabled since the replica count of the target is zero";
        plan.say(ACTIVE, false, "ScalingDisabled", text);
        plan.status.current_metrics = None;
        (0, String::new())
    } else if current > spec.max_replicas {
        plan.status.current_metrics = None;
        let reason = "Current number of replicas above Spec.MaxReplicas";
        (spec.max_replicas, reason.to_owned())
    } else if current < least {
        plan.status.current_metrics = None;
        let reason = "Current number of replicas below Spec.MinReplicas";
        (least, reason.to_owned())
    } else {
        match by_metrics(spec, scale, world, &mut plan) {
            Some((proposed, metric)) => {
                let reason = if proposed > current {
                    format!("{metric} above target")
                } else {
                    "All metrics below target".to_owned()
                };
                let limited = limit(spec, memory, current, proposed, world.now);
                plan.say(ABLE, true, limited.able.0, limited.able.1);
                plan.say(LIMITED, limited.limited, limited.limit.0, limited.limit.1);
                (limited.replicas, reason)
            }
            None => return plan,
        }
    };
    plan.status.desired_replicas = wanted;
    if wanted != current {
        let from = current;
        plan.resize = Some(Resize {
            from,
            to: wanted,
            reason,
        });
    }
    plan
}

/// The largest size that a metric asks for, with that metric's name. None where the metrics do not
/// say enough: then the conditions and events do.
fn by_metrics(
    spec: &HorizontalPodAutoscalerSpec,
    scale: &Scale,
    world: &World,
    plan: &mut Plan,
) -> Option<(i32, String)> {
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    let mut statuses = Vec::new();
    let mut first_failure = None;
    let mut failures = 0;
    let mut largest: Option<(i32, String)> = None;
    if let Err(failure) = source::usable(scale, world) {
        plan.warn(failure.reason, failure.text.clone());
        let condition = failure.condition.unwrap_or_else(|| failure.text.clone());
        plan.say(ACTIVE, false, failure.reason, condition);
        plan.warn("FailedComputeMetricsReplicas", failure.text);
        return None;
    }
    for (place, metric) in metrics.iter().enumerate() {
        match source::read(metric, place, tolerance(spec), scale, world) {
            Ok(reading) => {
                statuses.push(reading.status);
                if largest
                    .as_ref()
                    .is_none_or(|(size, _)| reading.replicas > *size)
                {
                    largest = Some((reading.replicas, reading.name));
                }
            }
            Err(failure) => {
                failures += 1;
                plan.warn(failure.reason, failure.text.clone());
                // So that the others stay in their place.
                statuses.push(MetricStatus::default());
                first_failure.get_or_insert(failure);
            }
        }
    }
    if let Some(failure) = first_failure {
        let shrinks = largest
            .as_ref()
            .is_none_or(|(size, _)| *size < scale.replicas);
        if shrinks {
            let text = format!(
                "the HPA was unable to compute the replica count: {}",
                failure.text
            );
            plan.say(ACTIVE, false, failure.reason, text);
            let text = format!(
                "invalid metrics ({failures} invalid out of {}), first error is: {}{}",
                metrics.len(),
                failure.about,
                failure.text
            );
            plan.warn("FailedComputeMetricsReplicas", text);
            return None;
        }
    }
    let (size, name) = largest?;
    let text = format!("the HPA was able to successfully calculate a replica count from {name}");
    plan.say(ACTIVE, true, "ValidMetricFound", text);
    plan.status.current_metrics = Some(statuses);
    Some((size, name))
}

fn tolerance(spec: &HorizontalPodAutoscalerSpec) -> Tolerance {
    let usual = Tolerance::default();
    let of = |rules: Option<&HPAScalingRules>| {
        let text = rules.and_then(|rules| rules.tolerance.as_ref());
        text.and_then(|text| Amount::parse(&text.0))
            .map(Amount::value)
    };
    let behavior = spec.behavior.as_ref();
    Tolerance {
        down: of(behavior.and_then(|both| both.scale_down.as_ref())).unwrap_or(usual.down),
        up: of(behavior.and_then(|both| both.scale_up.as_ref())).unwrap_or(usual.up),
    }
}
