//! What pods use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Usage, add, amounts};
use crate::amount::Amount;

/// Resources that may be named without `requests.` (the request is meant).
const PLAIN: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];

/// What a pod uses beside its place among the objects.
pub(super) fn usage(pod: &Value) -> Usage {
    if ended(pod) {
        return Usage::new();
    }
    let mut usage = Usage::from([("pods".to_owned(), Amount::count(1))]);
    for (name, amount) in total(pod, "requests") {
        if PLAIN.contains(&name.as_str()) || name.starts_with("hugepages-") {
            usage.insert(name.clone(), amount);
        }
        usage.insert(format!("requests.{name}"), amount);
    }
    for (name, amount) in total(pod, "limits") {
        if PLAIN.contains(&name.as_str()) {
            usage.insert(format!("limits.{name}"), amount);
        }
    }
    usage
}

/// Whether the pod needs nothing any more.
fn ended(pod: &Value) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// What all containers of a pod want together (`kind` is `requests` or `limits`): the sum of those that run at once, or what the largest step
/// of the initialisation wants, whichever is more; the overhead on top.
pub fn total(pod: &Value, kind: &str) -> Usage {
    let wanted = |container: &Value| amounts(container.pointer(&format!("/resources/{kind}")));
    let list = |path: &str| {
        pod.pointer(path)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let mut running = Usage::new();
    let (mut sidecars, mut peak) = (Usage::new(), Usage::new());
    for container in list("/spec/initContainers") {
        let mut step = wanted(container);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            add(&mut sidecars, &step);
            step.clone_from(&sidecars);
        } else {
            add(&mut step, &sidecars);
        }
        raise(&mut peak, &step);
    }
    for container in list("/spec/containers") {
        add(&mut running, &wanted(container));
    }
    add(&mut running, &sidecars);
    raise(&mut running, &peak);
    let whole = amounts(pod.pointer(&format!("/spec/resources/{kind}")));
    running.extend(whole);
    let overhead = amounts(pod.pointer("/spec/overhead"));
    if kind == "requests" {
        add(&mut running, &overhead);
    } else {
        let known = overhead
            .into_iter()
            .filter(|(name, _)| running.contains_key(name));
        let known: Usage = known.collect();
        add(&mut running, &known);
    }
    running
}

/// Raises each amount of `total` to that of `least`.
fn raise(total: &mut Usage, least: &Usage) {
    for (name, amount) in least {
        let present = total.entry(name.clone()).or_insert(*amount);
        *present = (*present).max(*amount);
    }
}

/// Which of `limited` every container of the pod has to state and does not, with the names of those
/// containers: a quota over requests or limits can only be kept if they are said.
pub fn missing_requirements(pod: &Value, limited: &BTreeSet<String>) -> Vec<String> {
    const STATED: [&str; 6] = [
        "cpu",
        "memory",
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
    ];
    let list = |path: &str| {
        pod.pointer(path)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let whole = container_usage(pod.get("spec").unwrap_or(&Value::Null));
    let mut missing: Vec<(String, Vec<String>)> = Vec::new();
    for container in list("/spec/containers").chain(list("/spec/initContainers")) {
        let stated = container_usage(container);
        let lacking: Vec<&str> = STATED
            .into_iter()
            .filter(|&name| limited.contains(name))
            .filter(|&name| !stated.contains(name) && !whole.contains(name))
            .collect();
        let name = container.get("name").and_then(Value::as_str);
        for lack in lacking {
            let name = name.unwrap_or_default().to_owned();
            match missing.iter_mut().find(|(known, _)| known == lack) {
                Some((_, names)) => names.push(name),
                None => missing.push((lack.to_owned(), vec![name])),
            }
        }
    }
    missing.sort();
    missing
        .into_iter()
        .map(|(lack, mut names)| {
            names.sort();
            format!("{lack} for: {}", names.join(","))
        })
        .collect()
}

/// The names under which a quota knows what a container (or a pod as a whole) states.
fn container_usage(container: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, _) in amounts(container.pointer("/resources/requests")) {
        names.insert(format!("requests.{name}"));
        names.insert(name);
    }
    for (name, _) in amounts(container.pointer("/resources/limits")) {
        names.insert(format!("limits.{name}"));
    }
    names
}
