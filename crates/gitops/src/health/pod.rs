//! Pods.

use seatrial_resources::argoproj::HealthStatusCode;
use serde_json::Value;

use super::{Health, conditions, text};

pub(super) fn pod(object: &Value) -> Health {
    let message = text(object, "/status/message");
    if text(object, "/spec/restartPolicy") == "Always"
        && let Some(trouble) = trouble(object)
    {
        return Health::degraded(trouble);
    }
    match text(object, "/status/phase") {
        "Pending" => Health::progressing(message),
        "Succeeded" => Health::new(HealthStatusCode::Healthy, message),
        "Failed" => Health::degraded(failure(object)),
        "Running" => running(object),
        _ => Health::new(HealthStatusCode::Unknown, message),
    }
}

fn statuses(object: &Value) -> impl Iterator<Item = &Value> {
    let list = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    list("/status/initContainerStatuses").chain(list("/status/containerStatuses"))
}

/// What containers wait for that will not pass by itself.
fn trouble(object: &Value) -> Option<String> {
    let mut messages = Vec::new();
    for status in statuses(object) {
        let reason = text(status, "/state/waiting/reason");
        let hopeless =
            reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff");
        if hopeless {
            let message = text(status, "/state/waiting/message");
            messages.push(if message.is_empty() { reason } else { message });
        }
    }
    (!messages.is_empty()).then(|| messages.join(", "))
}

fn failure(object: &Value) -> String {
    let message = text(object, "/status/message");
    if !message.is_empty() {
        return message.to_owned();
    }
    for status in statuses(object) {
        let ended = &status["state"]["terminated"];
        let code = ended["exitCode"].as_i64().unwrap_or(0);
        match (text(ended, "/message"), text(ended, "/reason")) {
            ("", "OOMKilled") => return "OOMKilled".to_owned(),
            ("", _) if code != 0 => {
                let name = text(status, "/name");
                return format!("container {name:?} failed with exit code {code}");
            }
            ("", _) => {}
            (message, _) => return message.to_owned(),
        }
    }
    String::new()
}

fn running(object: &Value) -> Health {
    let message = text(object, "/status/message");
    if text(object, "/spec/restartPolicy") != "Always" {
        // A pod that ends is on its way as long as it runs.
        return Health::progressing(message);
    }
    let ready = conditions(object)
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    if ready {
        return Health::new(HealthStatusCode::Healthy, message);
    }
    let crashed = |status: &Value| !status["lastState"]["terminated"].is_null();
    if statuses(object).any(crashed) {
        Health::degraded(message)
    } else {
        Health::progressing(message)
    }
}
