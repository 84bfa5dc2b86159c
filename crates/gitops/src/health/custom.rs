//! Definitions, autoscalers and Argo's own kinds.

use seatrial_resources::argoproj::HealthStatusCode;
use serde_json::Value;

use super::{Health, conditions, number, text};

/// A Rollout, after Argo CD's script: what went wrong first, then its phase.
pub(super) fn rollout(object: &Value) -> Health {
    for condition in conditions(object) {
        let (kind, reason) = (text(condition, "/type"), text(condition, "/reason"));
        let bad = kind == "InvalidSpec" && condition["status"] == "True"
            || kind == "Progressing"
                && matches!(reason, "RolloutAborted" | "ProgressDeadlineExceeded");
        if bad {
            let message = text(condition, "/message");
            return Health::degraded(if message.is_empty() { reason } else { message });
        }
    }
    let observed = text(object, "/status/observedGeneration");
    if observed.parse::<i64>().unwrap_or(0) < number(object, "/metadata/generation") {
        return Health::progressing("Waiting for rollout spec update to be observed");
    }
    let message = text(object, "/status/message");
    let paused = object.pointer("/spec/paused") == Some(&Value::Bool(true));
    match text(object, "/status/phase") {
        "Healthy" => Health::new(HealthStatusCode::Healthy, message),
        "Degraded" => Health::degraded(message),
        "Paused" => Health::suspended(if message.is_empty() {
            "Rollout is paused"
        } else {
            message
        }),
        _ if paused => Health::suspended("Rollout is paused"),
        _ => Health::progressing(message),
    }
}

pub(super) fn analysis_run(object: &Value) -> Health {
    let message = text(object, "/status/message");
    let or = |default| if message.is_empty() { default } else { message };
    match text(object, "/status/phase") {
        "Successful" => Health::new(
            HealthStatusCode::Healthy,
            "Analysis run completed successfully",
        ),
        "Failed" => Health::degraded(or("Analysis run failed")),
        "Error" => Health::degraded(or("Analysis run had an error")),
        "Inconclusive" => Health::new(HealthStatusCode::Unknown, "Analysis run inconclusive"),
        "Running" => Health::progressing("Analysis run is running"),
        _ => Health::progressing("Analysis run is pending"),
    }
}

/// An Application within an Application.
pub(super) fn application(object: &Value) -> Health {
    let code = object.pointer("/status/health/status").cloned();
    let code = code.and_then(|code| serde_json::from_value(code).ok());
    match code {
        Some(code) => Health::new(code, text(object, "/status/health/message")),
        None => Health::progressing(""),
    }
}

pub(super) fn definition(object: &Value) -> Health {
    let mut established = false;
    for condition in conditions(object) {
        let holds = condition["status"] == "True";
        match text(condition, "/type") {
            "Terminating" if holds => return Health::progressing("CRD is being terminated"),
            "NamesAccepted" if condition["status"] == "False" => {
                return Health::degraded("CRD names have not been accepted");
            }
            "Established" => established = holds,
            "NonStructuralSchema" if holds => {
                return Health::degraded(text(condition, "/message"));
            }
            _ => {}
        }
    }
    if established {
        Health::new(HealthStatusCode::Healthy, "CRD is healthy")
    } else {
        Health::progressing("CRD is not established")
    }
}

pub(super) fn api_service(object: &Value) -> Health {
    let available = conditions(object).find(|condition| condition["type"] == "Available");
    match available {
        Some(condition) => {
            let message = format!(
                "{}: {}",
                text(condition, "/reason"),
                text(condition, "/message")
            );
            let healthy = condition["status"] == "True";
            let code = if healthy {
                HealthStatusCode::Healthy
            } else {
                HealthStatusCode::Progressing
            };
            Health::new(code, message)
        }
        None => Health::progressing("Waiting to be processed"),
    }
}

/// Reasons of an autoscaler that are no trouble of its own making.
const DEGRADED: &[&str] = &[
    "FailedGetScale",
    "FailedUpdateScale",
    "FailedGetResourceMetric",
    "InvalidSelector",
];

pub(super) fn autoscaler(object: &Value) -> Health {
    for condition in conditions(object) {
        if DEGRADED.contains(&text(condition, "/reason")) {
            return Health::degraded(text(condition, "/message"));
        }
    }
    let good = conditions(object).find(|condition| {
        let kind = text(condition, "/type");
        matches!(kind, "AbleToScale" | "ScalingLimited") && condition["status"] == "True"
    });
    match good {
        Some(condition) => Health::new(HealthStatusCode::Healthy, text(condition, "/message")),
        None => Health::progressing("Waiting to Autoscale"),
    }
}
