//! Whether an object is well, by its kind: pure functions of the object, in one table.
//!
//! Rules and messages are those of Argo CD's built-in checks and of its scripts for Argo Rollouts.

mod custom;
mod pod;
mod workload;

use seatrial_resources::argoproj::{HealthStatus, HealthStatusCode};
use serde_json::Value;

/// Health and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// In one word.
    pub code: HealthStatusCode,
    /// In one sentence, where there is something to say.
    pub message: Option<String>,
}

impl Health {
    fn new(code: HealthStatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            message: (!message.is_empty()).then_some(message),
        }
    }

    fn healthy() -> Self {
        Self::new(HealthStatusCode::Healthy, "")
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self::new(HealthStatusCode::Progressing, message)
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self::new(HealthStatusCode::Degraded, message)
    }

    fn suspended(message: impl Into<String>) -> Self {
        Self::new(HealthStatusCode::Suspended, message)
    }

    /// As the status of a resource has it.
    pub fn status(self) -> HealthStatus {
        HealthStatus {
            status: Some(self.code),
            message: self.message,
            last_transition_time: None,
        }
    }
}

type Check = fn(&Value) -> Health;

/// The kinds whose health is known.
const CHECKS: &[(&str, &str, Check)] = &[
    ("", "PersistentVolumeClaim", workload::claim),
    ("", "Pod", pod::pod),
    ("", "Service", workload::service),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        custom::definition,
    ),
    ("apiregistration.k8s.io", "APIService", custom::api_service),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "Deployment", workload::deployment),
    ("apps", "ReplicaSet", workload::replica_set),
    ("apps", "StatefulSet", workload::stateful_set),
    ("argoproj.io", "AnalysisRun", custom::analysis_run),
    ("argoproj.io", "Application", custom::application),
    ("argoproj.io", "Rollout", custom::rollout),
    ("autoscaling", "HorizontalPodAutoscaler", custom::autoscaler),
    ("batch", "Job", workload::job),
    ("extensions", "Ingress", workload::ingress),
    ("networking.k8s.io", "Ingress", workload::ingress),
];

/// The health of an object as the API has it; nothing for kinds that have none.
pub fn of(object: &Value) -> Option<Health> {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = object["kind"].as_str().unwrap_or_default();
    if object
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|time| !time.is_null())
    {
        return Some(Health::progressing("Pending deletion"));
    }
    let known = CHECKS
        .iter()
        .find(|(of, name, _)| *of == group && *name == kind);
    known.map(|(_, _, check)| check(object))
}

/// The number at a JSON pointer, or 0.
fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The text at a JSON pointer, or nothing.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The conditions of an object.
fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether the object's controller has seen its newest spec.
fn is_observed(object: &Value) -> bool {
    number(object, "/metadata/generation") <= number(object, "/status/observedGeneration")
}

#[cfg(test)]
mod tests;
