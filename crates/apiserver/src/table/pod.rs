//! The tables of pods and nodes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Column;
use super::built_in::or_none;
use crate::object::Object;

/// What says how the containers of a pod are.
const CONTAINERS: &[&str] = &[
    "metadata.deletionTimestamp",
    "spec.containers.name",
    "spec.initContainers.name",
    "spec.initContainers.restartPolicy",
    "status.conditions.reason",
    "status.conditions.status",
    "status.conditions.type",
    "status.containerStatuses.lastState.terminated.finishedAt",
    "status.containerStatuses.name",
    "status.containerStatuses.ready",
    "status.containerStatuses.restartCount",
    "status.containerStatuses.started",
    "status.containerStatuses.state.running.startedAt",
    "status.containerStatuses.state.terminated.exitCode",
    "status.containerStatuses.state.terminated.reason",
    "status.containerStatuses.state.terminated.signal",
    "status.containerStatuses.state.waiting.reason",
    "status.initContainerStatuses.lastState.terminated.finishedAt",
    "status.initContainerStatuses.name",
    "status.initContainerStatuses.ready",
    "status.initContainerStatuses.restartCount",
    "status.initContainerStatuses.started",
    "status.initContainerStatuses.state.running.startedAt",
    "status.initContainerStatuses.state.terminated.exitCode",
    "status.initContainerStatuses.state.terminated.reason",
    "status.initContainerStatuses.state.terminated.signal",
    "status.initContainerStatuses.state.waiting.reason",
    "status.phase",
    "status.reason",
];

pub(super) fn pods() -> Vec<Column> {
    vec![
        Column::computed("Ready", "string", |pod, _| {
            let (ready, total) = ready(pod);
            json!(format!("{ready}/{total}"))
        })
        .reads(CONTAINERS),
        Column::computed("Status", "string", |pod, _| json!(status(pod))).reads(CONTAINERS),
        Column::computed("Restarts", "string", |pod, now| json!(restarts(pod, now)))
            .reads(CONTAINERS),
        Column::age(),
        Column::at("IP", "string", ".status.podIP", "<none>").wide(),
        Column::at("Node", "string", ".spec.nodeName", "<none>").wide(),
        Column::at(
            "Nominated Node",
            "string",
            ".status.nominatedNodeName",
            "<none>",
        )
        .wide(),
        Column::computed("Readiness Gates", "string", |pod, _| json!(gates(pod)))
            .reads(&[
                "spec.readinessGates.conditionType",
                "status.conditions.type",
                "status.conditions.status",
            ])
            .wide(),
    ]
}

fn list<'a>(object: &'a Object, path: &[&str]) -> &'a [Value] {
    object
        .at(path)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// What lies at a path of fields.
fn below<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/')
        .try_fold(value, |value, field| value.get(field))
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    below(value, path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(value: &Value, path: &str) -> i64 {
    below(value, path)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

fn flag(value: &Value, field: &str) -> bool {
    value
        .get(field)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// Init containers that go on beside the others.
fn sidecars(pod: &Object) -> Vec<&str> {
    list(pod, &["spec", "initContainers"])
        .iter()
        .filter(|container| text(container, "restartPolicy") == "Always")
        .map(|container| text(container, "name"))
        .collect()
}

fn ready(pod: &Object) -> (usize, usize) {
    let sidecars = sidecars(pod);
    let total = list(pod, &["spec", "containers"]).len() + sidecars.len();
    let init = list(pod, &["status", "initContainerStatuses"]).iter();
    let beside = init.filter(|status| sidecars.contains(&text(status, "name")));
    let running =
        |status: &&Value| flag(status, "ready") && below(status, "state/running").is_some();
    let ready = list(pod, &["status", "containerStatuses"])
        .iter()
        .chain(beside)
        .filter(running);
    (ready.count(), total)
}

/// The word in the column STATUS: the phase, or what keeps a container from running.
fn status(pod: &Object) -> String {
    let phase = pod.text(&["status", "phase"]).to_owned();
    let reason = pod.text(&["status", "reason"]).to_owned();
    let mut word = if reason.is_empty() {
        phase.clone()
    } else {
        reason.clone()
    };
    let gated = list(pod, &["status", "conditions"])
        .iter()
        .any(|condition| {
            text(condition, "type") == "PodScheduled"
                && text(condition, "reason") == "SchedulingGated"
        });
    if gated {
        "SchedulingGated".clone_into(&mut word);
    }
    let initializing = init_word(pod);
    if let Some(init) = &initializing {
        word.clone_from(init);
    } else if let Some(container) = container_word(pod) {
        word = container;
    }
    if word == "Completed" && has_running(pod) {
        let is_ready = list(pod, &["status", "conditions"])
            .iter()
            .any(|condition| {
                text(condition, "type") == "Ready" && text(condition, "status") == "True"
            });
        if is_ready { "Running" } else { "NotReady" }.clone_into(&mut word);
    }
    match (pod.deleting(), reason.as_str(), phase.as_str()) {
        (true, "NodeLost", _) => "Unknown".to_owned(),
        (true, _, "Failed" | "Succeeded") | (false, _, _) => word,
        (true, _, _) => "Terminating".to_owned(),
    }
}

fn ended(status: &Value) -> String {
    let reason = text(status, "state/terminated/reason");
    match (reason, number(status, "state/terminated/signal")) {
        ("", 0) => format!("ExitCode:{}", number(status, "state/terminated/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn init_word(pod: &Object) -> Option<String> {
    let sidecars = sidecars(pod);
    let total = list(pod, &["spec", "initContainers"]).len();
    for (index, status) in list(pod, &["status", "initContainerStatuses"])
        .iter()
        .enumerate()
    {
        let terminated = below(status, "state/terminated");
        if terminated.is_some() && number(status, "state/terminated/exitCode") == 0 {
            continue;
        }
        if sidecars.contains(&text(status, "name")) && flag(status, "started") {
            continue;
        }
        let waiting = text(status, "state/waiting/reason");
        return Some(if terminated.is_some() {
            format!("Init:{}", ended(status))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{total}")
        });
    }
    None
}

fn container_word(pod: &Object) -> Option<String> {
    // The first container that has something to say wins.
    list(pod, &["status", "containerStatuses"])
        .iter()
        .find_map(|status| {
            let waiting = text(status, "state/waiting/reason");
            if !waiting.is_empty() {
                return Some(waiting.to_owned());
            }
            below(status, "state/terminated")
                .is_some()
                .then(|| ended(status))
        })
}

fn has_running(pod: &Object) -> bool {
    list(pod, &["status", "containerStatuses"])
        .iter()
        .any(|status| flag(status, "ready") && below(status, "state/running").is_some())
}

fn restarts(pod: &Object, now: Timestamp) -> String {
    let sidecars = sidecars(pod);
    let initializing = init_word(pod).is_some();
    let init = list(pod, &["status", "initContainerStatuses"])
        .iter()
        .filter(|status| initializing || sidecars.contains(&text(status, "name")));
    let own = list(pod, &["status", "containerStatuses"])
        .iter()
        .filter(|_| !initializing);
    let (mut count, mut last) = (0, String::new());
    for status in init.chain(own) {
        count += number(status, "restartCount");
        let ended = text(status, "lastState/terminated/finishedAt");
        if ended > last.as_str() {
            ended.clone_into(&mut last);
        }
    }
    match (count, last.as_str()) {
        (0, _) | (_, "") => count.to_string(),
        (count, last) => format!("{count} ({} ago)", super::age(last, now)),
    }
}

fn gates(pod: &Object) -> String {
    let gates = list(pod, &["spec", "readinessGates"]);
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let conditions = list(pod, &["status", "conditions"]);
    let open = gates.iter().filter(|gate| {
        conditions.iter().any(|condition| {
            text(condition, "type") == text(gate, "conditionType")
                && text(condition, "status") == "True"
        })
    });
    format!("{}/{}", open.count(), gates.len())
}

pub(super) fn nodes() -> Vec<Column> {
    vec![
        Column::computed("Status", "string", |node, _| json!(node_status(node))).reads(&[
            "status.conditions.type",
            "status.conditions.status",
            "spec.unschedulable",
        ]),
        Column::computed("Roles", "string", |node, _| json!(roles(node)))
            .reads(&["metadata.labels"]),
        Column::age(),
        Column::at("Version", "string", ".status.nodeInfo.kubeletVersion", ""),
        Column::computed("Internal-IP", "string", |node, _| {
            json!(address(node, "InternalIP"))
        })
        .reads(&["status.addresses"])
        .wide(),
        Column::computed("External-IP", "string", |node, _| {
            json!(address(node, "ExternalIP"))
        })
        .reads(&["status.addresses"])
        .wide(),
        Column::at(
            "OS-Image",
            "string",
            ".status.nodeInfo.osImage",
            "<unknown>",
        )
        .wide(),
        Column::at(
            "Kernel-Version",
            "string",
            ".status.nodeInfo.kernelVersion",
            "<unknown>",
        )
        .wide(),
        Column::at(
            "Container-Runtime",
            "string",
            ".status.nodeInfo.containerRuntimeVersion",
            "<unknown>",
        )
        .wide(),
    ]
}

fn node_status(node: &Object) -> String {
    let conditions = list(node, &["status", "conditions"]);
    let ready = conditions
        .iter()
        .find(|condition| text(condition, "type") == "Ready");
    let word = match ready.map(|condition| text(condition, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    match node.at(&["spec", "unschedulable"]).and_then(Value::as_bool) {
        Some(true) => format!("{word},SchedulingDisabled"),
        _ => word.to_owned(),
    }
}

fn roles(node: &Object) -> String {
    let labels = node.at(&["metadata", "labels"]).and_then(Value::as_object);
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    or_none(roles.join(","))
}

fn address(node: &Object, kind: &str) -> String {
    let addresses = list(node, &["status", "addresses"]).iter();
    let mut matching = addresses.filter(|address| text(address, "type") == kind);
    or_none(
        matching
            .next()
            .map(|address| text(address, "address").to_owned())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: Value) -> Object {
        match value {
            Value::Object(map) => Object(map),
            _ => unreachable!("a literal object"),
        }
    }

    #[test]
    fn the_status_says_what_keeps_a_pod_from_running() {
        let cases = [
            (json!({"status": {"phase": "Pending"}}), "Pending"),
            (
                json!({"status": {"phase": "Running", "containerStatuses": [
                    {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
                "CrashLoopBackOff",
            ),
            (
                json!({"status": {"phase": "Succeeded", "containerStatuses": [
                    {"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]}}),
                "Completed",
            ),
            (
                json!({"status": {"phase": "Failed", "containerStatuses": [
                    {"state": {"terminated": {"exitCode": 3}}}]}}),
                "ExitCode:3",
            ),
            (
                json!({"spec": {"initContainers": [{"name": "a"}, {"name": "b"}]},
                    "status": {"phase": "Pending", "initContainerStatuses": [
                    {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "b", "state": {"waiting": {"reason": "PodInitializing"}}}]}}),
                "Init:1/2",
            ),
            (
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
                    "status": {"phase": "Running"}}),
                "Terminating",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(status(&pod(value)), expected);
        }
    }
}
