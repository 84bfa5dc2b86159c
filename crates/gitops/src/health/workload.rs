//! Built-in workloads, services and claims.

use serde_json::Value;

use super::{Health, conditions, is_observed, number, text};
use seatrial_resources::argoproj::HealthStatusCode;

pub(super) fn deployment(object: &Value) -> Health {
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Health::suspended("Deployment is paused");
    }
    if !is_observed(object) {
        return Health::progressing(
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        );
    }
    let name = text(object, "/metadata/name");
    let late = |condition: &Value| {
        condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded"
    };
    if conditions(object).any(late) {
        return Health::degraded(format!(
            "Deployment \"{name}\" exceeded its progress deadline"
        ));
    }
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let updated = number(object, "/status/updatedReplicas");
    let all = number(object, "/status/replicas");
    let available = number(object, "/status/availableReplicas");
    if updated < wanted {
        return Health::progressing(format!(
            "Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
        ));
    }
    if all > updated {
        return Health::progressing(format!(
            "Waiting for rollout to finish: {} old replicas are pending termination...",
            all - updated
        ));
    }
    if available < updated {
        return Health::progressing(format!(
            "Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
        ));
    }
    Health::healthy()
}

pub(super) fn replica_set(object: &Value) -> Health {
    if !is_observed(object) {
        return Health::progressing(
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        );
    }
    let failed = conditions(object)
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True");
    if let Some(failed) = failed {
        return Health::degraded(text(failed, "/message"));
    }
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let available = number(object, "/status/availableReplicas");
    if available < wanted {
        return Health::progressing(format!(
            "Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
        ));
    }
    Health::healthy()
}

pub(super) fn stateful_set(object: &Value) -> Health {
    if !is_observed(object) {
        return Health::progressing("Waiting for statefulset spec update to be observed...");
    }
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let ready = number(object, "/status/readyReplicas");
    if ready < wanted {
        return Health::progressing(format!(
            "Waiting for {} pods to be ready...",
            wanted - ready
        ));
    }
    let updated = number(object, "/status/updatedReplicas");
    let strategy = text(object, "/spec/updateStrategy/type");
    if strategy == "OnDelete" {
        return Health::new(
            HealthStatusCode::Healthy,
            format!("statefulset has {ready} ready pods"),
        );
    }
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    if partition > 0 {
        if updated < wanted - partition {
            return Health::progressing(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...",
                wanted - partition
            ));
        }
        return Health::new(
            HealthStatusCode::Healthy,
            format!("partitioned roll out complete: {updated} new pods have been updated..."),
        );
    }
    let revision = text(object, "/status/updateRevision");
    if text(object, "/status/currentRevision") != revision {
        return Health::progressing(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {revision}..."
        ));
    }
    Health::healthy()
}

pub(super) fn daemon_set(object: &Value) -> Health {
    if !is_observed(object) {
        return Health::progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        );
    }
    let name = text(object, "/metadata/name");
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Health::healthy();
    }
    let wanted = number(object, "/status/desiredNumberScheduled");
    let updated = number(object, "/status/updatedNumberScheduled");
    let available = number(object, "/status/numberAvailable");
    if updated < wanted {
        return Health::progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {updated} out of {wanted} new pods have been updated..."
        ));
    }
    if available < wanted {
        return Health::progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {available} of {wanted} updated pods are available..."
        ));
    }
    Health::healthy()
}

pub(super) fn job(object: &Value) -> Health {
    let (mut failed, mut complete, mut suspended, mut message) = (false, false, false, "");
    for condition in conditions(object).filter(|condition| condition["status"] == "True") {
        match text(condition, "/type") {
            "Failed" => (failed, complete) = (true, true),
            "Complete" => complete = true,
            "Suspended" => suspended = true,
            _ => continue,
        }
        message = text(condition, "/message");
    }
    match (complete, failed, suspended) {
        (true, true, _) => Health::degraded(message),
        (true, false, _) => Health::new(HealthStatusCode::Healthy, message),
        (false, _, true) => Health::suspended(message),
        (false, _, false) => Health::progressing(message),
    }
}

pub(super) fn service(object: &Value) -> Health {
    let balanced = text(object, "/spec/type") == "LoadBalancer";
    if balanced && !has_address(object) {
        Health::progressing("")
    } else {
        Health::healthy()
    }
}

pub(super) fn ingress(object: &Value) -> Health {
    if has_address(object) {
        Health::healthy()
    } else {
        Health::progressing("")
    }
}

fn has_address(object: &Value) -> bool {
    let addresses = object
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array);
    addresses.is_some_and(|addresses| !addresses.is_empty())
}

pub(super) fn claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Bound" => Health::healthy(),
        "Lost" => Health::degraded(""),
        "Pending" => Health::progressing(""),
        _ => Health::new(HealthStatusCode::Unknown, ""),
    }
}
