//! LimitRanger: defaults and bounds of what containers, pods and claims ask for.
//!
//! Messages and order are those of upstream's `plugin/pkg/admission/limitranger`; where upstream walks
//! a map, names are sorted here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use seatrial_schema::amount::Amount;
use seatrial_schema::quota::{self, Usage, amounts};
use serde_json::{Value, json};

use super::reading::{Readings, listed};
use super::{Admission, Change, Operation, Round};
use crate::failure::Failure;
use crate::object::{Object, section};

const RESOURCE: &str = "limitranges";
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The step.
#[derive(Default)]
pub(super) struct Limits(Readings<Vec<Limit>>);

/// One item of a LimitRange.
#[derive(Debug, Clone, Default)]
struct Limit {
    about: String,
    min: Usage,
    max: Usage,
    ratio: Usage,
    /// As written, since that is what containers get.
    default: BTreeMap<String, Value>,
    default_request: BTreeMap<String, Value>,
}

impl Limits {
    fn of(&self, change: &Change<'_>) -> Vec<Limit> {
        let records = listed(change.state, RESOURCE, Some(change.namespace));
        let read = self.0.of(&records, |range| read(&range));
        read.iter()
            .flat_map(|limits| limits.iter().cloned())
            .collect()
    }
}

fn read(range: &Object) -> Vec<Limit> {
    let items = range.at(&["spec", "limits"]).and_then(Value::as_array);
    let map = |value: Option<&Value>| {
        let map = value.and_then(Value::as_object).cloned();
        map.unwrap_or_default().into_iter().collect()
    };
    let item = |item: &Value| Limit {
        about: item
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        min: amounts(item.get("min")),
        max: amounts(item.get("max")),
        ratio: amounts(item.get("maxLimitRequestRatio")),
        default: map(item.get("default")),
        default_request: map(item.get("defaultRequest")),
    };
    items.into_iter().flatten().map(item).collect()
}

#[async_trait]
impl Admission for Limits {
    fn handles(&self, change: &Change<'_>) -> bool {
        let concerned = match change.operation {
            Operation::Create => {
                change.is_about("pods") || change.is_about("persistentvolumeclaims")
            }
            // What a pod asks for does not change by an update.
            Operation::Update => change.is_about("persistentvolumeclaims"),
            _ => false,
        };
        concerned && !listed(change.state, RESOURCE, Some(change.namespace)).is_empty()
    }

    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        if change.is_about("pods") {
            let set = fill(&self.of(change), object);
            if !set.is_empty() && change.notes.round() == Round::First {
                let text = format!("LimitRanger plugin set: {}", set.join("; "));
                section(object.metadata(), "annotations")
                    .insert(ANNOTATION.to_owned(), json!(text));
            }
        }
        Ok(())
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let limits = self.of(change);
        let broken = if change.is_about("pods") {
            broken_by_pod(&limits, object)
        } else {
            broken_by_claim(&limits, object)
        };
        match broken.as_slice() {
            [] => Ok(()),
            [one] => Err(change.forbidden(one)),
            many => Err(change.forbidden(&format!("[{}]", many.join(", ")))),
        }
    }
}

/// Sets what containers leave open and says what was set.
fn fill(limits: &[Limit], pod: &mut Object) -> Vec<String> {
    let mut set = Vec::new();
    let of_containers: Vec<&Limit> = limits
        .iter()
        .filter(|one| one.about == "Container")
        .collect();
    for (list, word) in [
        ("containers", "container"),
        ("initContainers", "init container"),
    ] {
        let containers = pod
            .section("spec")
            .get_mut(list)
            .and_then(Value::as_array_mut);
        for container in containers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            let name = container
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let resources = section(container, "resources");
            for (kind, one) in [("requests", "request"), ("limits", "limit")] {
                let mut names = Vec::new();
                for limit in &of_containers {
                    let defaults = if kind == "limits" {
                        &limit.default
                    } else {
                        &limit.default_request
                    };
                    for (resource, amount) in defaults {
                        let present = section(resources, kind);
                        if !present.contains_key(resource) {
                            present.insert(resource.clone(), amount.clone());
                            names.push(resource.clone());
                        }
                    }
                }
                if !names.is_empty() {
                    names.sort();
                    set.push(format!("{} {one} for {word} {name}", names.join(", ")));
                }
            }
        }
    }
    set
}

fn broken_by_pod(limits: &[Limit], pod: &Object) -> Vec<String> {
    let mut broken = Vec::new();
    let pod = Value::Object(pod.0.clone());
    let containers: Vec<&Value> = ["/spec/containers", "/spec/initContainers"]
        .iter()
        .filter_map(|path| pod.pointer(path).and_then(Value::as_array))
        .flatten()
        .collect();
    for limit in limits {
        match limit.about.as_str() {
            "Container" => {
                for container in &containers {
                    let requests = amounts(container.pointer("/resources/requests"));
                    let limited = amounts(container.pointer("/resources/limits"));
                    broken.extend(check(limit, &requests, &limited));
                }
            }
            "Pod" => {
                let requests = quota::pod_total(&pod, "requests");
                let limited = quota::pod_total(&pod, "limits");
                broken.extend(check(limit, &requests, &limited));
            }
            _ => {}
        }
    }
    broken
}

fn broken_by_claim(limits: &[Limit], claim: &Object) -> Vec<String> {
    let requests = amounts(claim.at(&["spec", "resources", "requests"]));
    let mut broken = Vec::new();
    for limit in limits
        .iter()
        .filter(|limit| limit.about == "PersistentVolumeClaim")
    {
        for (name, least) in &limit.min {
            broken.extend(too_little(limit, name, *least, &requests, &Usage::new()));
        }
        for (name, most) in &limit.max {
            let bound = format!("maximum {name} usage per {} is {most}", limit.about);
            match requests.get(name) {
                None => broken.push(format!("{bound}.  No request is specified")),
                Some(request) if request > most => {
                    broken.push(format!("{bound}, but request is {request}"));
                }
                Some(_) => {}
            }
        }
    }
    broken
}

fn check(limit: &Limit, requests: &Usage, limits: &Usage) -> Vec<String> {
    let least = limit
        .min
        .iter()
        .filter_map(|(name, least)| too_little(limit, name, *least, requests, limits));
    let most = limit
        .max
        .iter()
        .filter_map(|(name, most)| too_much(limit, name, *most, requests, limits));
    let ratio = limit
        .ratio
        .iter()
        .filter_map(|(name, most)| too_wide(limit, name, *most, requests, limits));
    least.chain(most).chain(ratio).collect()
}

fn too_little(
    limit: &Limit,
    name: &str,
    least: Amount,
    requests: &Usage,
    limits: &Usage,
) -> Option<String> {
    let bound = format!("minimum {name} usage per {} is {least}", limit.about);
    let Some(request) = requests.get(name) else {
        return Some(format!("{bound}.  No request is specified"));
    };
    if *request < least {
        return Some(format!("{bound}, but request is {request}"));
    }
    let limited = limits.get(name).filter(|limited| **limited < least)?;
    Some(format!("{bound}, but limit is {limited}"))
}

fn too_much(
    limit: &Limit,
    name: &str,
    most: Amount,
    requests: &Usage,
    limits: &Usage,
) -> Option<String> {
    let bound = format!("maximum {name} usage per {} is {most}", limit.about);
    let Some(limited) = limits.get(name) else {
        return Some(format!("{bound}.  No limit is specified"));
    };
    if *limited > most {
        return Some(format!("{bound}, but limit is {limited}"));
    }
    let request = requests.get(name).filter(|request| **request > most)?;
    Some(format!("{bound}, but request is {request}"))
}

fn too_wide(
    limit: &Limit,
    name: &str,
    most: Amount,
    requests: &Usage,
    limits: &Usage,
) -> Option<String> {
    let bound = format!(
        "{name} max limit to request ratio per {} is {most}",
        limit.about
    );
    let known = |usage: &Usage| usage.get(name).copied().filter(|amount| !amount.is_zero());
    let Some(request) = known(requests) else {
        return Some(format!(
            "{bound}, but no request is specified or request is 0"
        ));
    };
    let Some(limited) = known(limits) else {
        return Some(format!("{bound}, but no limit is specified or limit is 0"));
    };
    let ratio = limited.value() / request.value();
    (ratio > most.value()).then(|| format!("{bound}, but provided ratio is {ratio:.6}"))
}

#[cfg(test)]
mod tests;
