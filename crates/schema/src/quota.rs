//! What objects use of a ResourceQuota, and which quotas cover them: pure, for the admission that
//! enforces quotas and for the controller that counts again.
//!
//! Facts are those of upstream's quota evaluators (`pkg/quota/v1/evaluator/core`).

mod pod;
mod scope;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::amount::Amount;

pub use pod::{missing_requirements, total as pod_total};
pub use scope::{Scope, covers, scopes_for};

/// Amounts by the name of what is counted, such as `requests.cpu` or `count/deployments.apps`.
pub type Usage = BTreeMap<String, Amount>;

/// Kinds that are also counted under their plural name alone.
const COUNTED_BY_PLURAL: [&str; 7] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// What one object uses. A pod that has ended uses nothing but its place among the objects.
pub fn usage(group: &str, plural: &str, object: &Value) -> Usage {
    let mut usage = Usage::new();
    let one = Amount::count(1);
    usage.insert(count_name(group, plural), one);
    if !group.is_empty() {
        return usage;
    }
    match plural {
        "pods" => usage.extend(pod::usage(object)),
        "services" => usage.extend(service(object)),
        "persistentvolumeclaims" => usage.extend(claim(object)),
        plural if COUNTED_BY_PLURAL.contains(&plural) => {
            usage.insert(plural.to_owned(), one);
        }
        _ => {}
    }
    usage
}

/// `count/PLURAL` or `count/PLURAL.GROUP`.
fn count_name(group: &str, plural: &str) -> String {
    if group.is_empty() {
        format!("count/{plural}")
    } else {
        format!("count/{plural}.{group}")
    }
}

/// The kind (group and plural name) whose objects use `resource`. What is asked of containers is
/// used by pods.
pub fn counted_kind(resource: &str) -> (&str, &str) {
    if let Some(counted) = resource.strip_prefix("count/") {
        let (plural, group) = counted.split_once('.').unwrap_or((counted, ""));
        return (group, plural);
    }
    match resource {
        "requests.storage" => ("", "persistentvolumeclaims"),
        "services.loadbalancers" | "services.nodeports" => ("", "services"),
        plural if COUNTED_BY_PLURAL.contains(&plural) => ("", plural),
        class if class.contains(CLASS_INFIX) => ("", "persistentvolumeclaims"),
        _ => ("", "pods"),
    }
}

/// What stands between a storage class's name and what is counted of it.
const CLASS_INFIX: &str = ".storageclass.storage.k8s.io/";

fn service(service: &Value) -> Usage {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let ports = i64::try_from(ports.map_or(0, Vec::len)).unwrap_or(i64::MAX);
    let text = |path: &str| service.pointer(path).and_then(Value::as_str);
    let balanced = service.pointer("/spec/allocateLoadBalancerNodePorts") != Some(&false.into());
    let (balancers, node_ports) = match text("/spec/type") {
        Some("NodePort") => (0, ports),
        Some("LoadBalancer") if balanced => (1, ports),
        Some("LoadBalancer") => (1, explicit_node_ports(service)),
        _ => (0, 0),
    };
    Usage::from([
        ("services".to_owned(), Amount::count(1)),
        (
            "services.loadbalancers".to_owned(),
            Amount::count(balancers),
        ),
        ("services.nodeports".to_owned(), Amount::count(node_ports)),
    ])
}

fn explicit_node_ports(service: &Value) -> i64 {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let explicit = |port: &&Value| port.get("nodePort").and_then(Value::as_i64).unwrap_or(0) != 0;
    i64::try_from(ports.into_iter().flatten().filter(explicit).count()).unwrap_or(i64::MAX)
}

fn claim(claim: &Value) -> Usage {
    let class = claim
        .pointer("/spec/storageClassName")
        .or_else(|| claim.pointer("/metadata/annotations/volume.beta.kubernetes.io~1storage-class"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let storage = claim
        .pointer("/spec/resources/requests/storage")
        .and_then(amount);
    let mut usage = Usage::new();
    let mut add = |name: &str, amount: Amount| {
        usage.insert(name.to_owned(), amount);
        if !class.is_empty() {
            usage.insert(format!("{class}{CLASS_INFIX}{name}"), amount);
        }
    };
    add("persistentvolumeclaims", Amount::count(1));
    if let Some(storage) = storage {
        add("requests.storage", storage);
    }
    usage
}

/// The amount that a value says, as text or as a number.
pub fn amount(value: &Value) -> Option<Amount> {
    match value {
        Value::String(text) => Amount::parse(text),
        Value::Number(number) => Amount::parse(&number.to_string()),
        _ => None,
    }
}

/// The amounts of a resource list.
pub fn amounts(list: Option<&Value>) -> Usage {
    let list = list.and_then(Value::as_object);
    list.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), amount(value)?)))
        .collect()
}

/// Adds `more` to `total`.
pub fn add(total: &mut Usage, more: &Usage) {
    for (name, amount) in more {
        let sum = total.get(name).copied().unwrap_or(Amount::ZERO);
        total.insert(name.clone(), sum.plus(*amount));
    }
}

/// What `after` uses beyond `before`; less than nothing where it uses less. What does not change is
/// left out.
pub fn difference(after: &Usage, before: &Usage) -> Usage {
    let mut difference = after.clone();
    for (name, amount) in before {
        let left = difference.get(name).copied().unwrap_or(Amount::ZERO);
        difference.insert(name.clone(), left.minus(*amount));
    }
    difference.retain(|_, amount| !amount.is_zero());
    difference
}

/// `a=1,b=2`, as messages have it.
pub fn text(usage: &Usage) -> String {
    let parts = usage
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"));
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
