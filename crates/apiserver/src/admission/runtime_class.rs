//! RuntimeClass: a pod costs what its class says beside its containers, and goes where the class runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_schema::quota::{self, Usage};
use seatrial_store::Key;
use serde_json::{Value, json};

use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::{Object, section};

const RESOURCE: &str = "runtimeclasses.node.k8s.io";

/// The step.
pub(super) struct RuntimeClass;

#[async_trait]
impl Admission for RuntimeClass {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && change.is_about("pods")
    }

    async fn mutate(&self, change: &Change<'_>, pod: &mut Object) -> Result<(), Failure> {
        let Some(class) = class_of(change, pod)? else {
            return Ok(());
        };
        if let Some(overhead) = class.at(&["overhead", "podFixed"]) {
            let given = overhead_of(pod);
            if !given.is_empty() && !same(&given, &quota::amounts(Some(overhead))) {
                return Err(mismatch(change));
            }
            let overhead = overhead.clone();
            pod.section("spec").insert("overhead".to_owned(), overhead);
        }
        if let Some(scheduling) = class.at(&["scheduling"]) {
            place(change, pod, scheduling)?;
        }
        Ok(())
    }

    async fn validate(&self, change: &Change<'_>, pod: &Object) -> Result<(), Failure> {
        let given = overhead_of(pod);
        let class = class_of(change, pod)?;
        let defined = class
            .as_ref()
            .and_then(|class| class.at(&["overhead", "podFixed"]));
        match defined {
            Some(defined) if !same(&given, &quota::amounts(Some(defined))) => Err(mismatch(change)),
            None if pod.at(&["spec", "overhead"]).is_some() => Err(change.forbidden(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            )),
            _ => Ok(()),
        }
    }
}

/// The class that the pod names, if it names one.
fn class_of(change: &Change<'_>, pod: &Object) -> Result<Option<Object>, Failure> {
    let name = pod.text(&["spec", "runtimeClassName"]);
    if name.is_empty() {
        return Ok(None);
    }
    let Some(record) = change
        .state
        .store
        .get(&Key::new(Arc::from(RESOURCE), "", name))
    else {
        let detail = format!("pod rejected: RuntimeClass {name:?} not found");
        return Err(change.forbidden(&detail));
    };
    crate::state::decode(&record).map(Some)
}

fn overhead_of(pod: &Object) -> Usage {
    quota::amounts(pod.at(&["spec", "overhead"]))
}

/// Whether the amounts are equal, however they are written.
fn same(one: &Usage, other: &Usage) -> bool {
    one.len() == other.len() && quota::difference(one, other).is_empty()
}

fn mismatch(change: &Change<'_>) -> Failure {
    change.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
}

/// Gives the pod the node selector and the tolerations of its class.
fn place(change: &Change<'_>, pod: &mut Object, scheduling: &Value) -> Result<(), Failure> {
    let wanted = scheduling.get("nodeSelector").and_then(Value::as_object);
    let wanted: BTreeMap<_, _> = wanted.into_iter().flatten().collect();
    if !wanted.is_empty() {
        let selector = section(pod.section("spec"), "nodeSelector");
        for (key, value) in wanted {
            let own = selector.entry(key.clone()).or_insert_with(|| value.clone());
            if own != value {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (value, own) = (text(value), text(own));
                return Err(change.forbidden(&format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
                )));
            }
        }
    }
    let more = scheduling.get("tolerations").and_then(Value::as_array);
    if let Some(more) = more.filter(|more| !more.is_empty()) {
        let own = pod
            .section("spec")
            .entry("tolerations")
            .or_insert_with(|| json!([]));
        if let Value::Array(own) = own {
            *own = merged(own.iter().chain(more));
        }
    }
    Ok(())
}

/// The tolerations, without those that others cover.
fn merged<'a>(all: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let all: Vec<&Value> = all.collect();
    let mut merged: Vec<Value> = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let before = all[..index].iter().any(|other| covers(other, one));
        let after = all[index + 1..]
            .iter()
            .any(|other| other != one && covers(other, one));
        if !before && !after {
            merged.push((*one).clone());
        }
    }
    merged
}

/// Whether `wide` tolerates whatever `narrow` does.
fn covers(wide: &Value, narrow: &Value) -> bool {
    let text = |of: &Value, field: &str| {
        let text = of.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let seconds = |of: &Value| of.get("tolerationSeconds").and_then(Value::as_i64);
    let (operator, narrow_operator) = (text(wide, "operator"), text(narrow, "operator"));
    let key = text(wide, "key") == text(narrow, "key")
        || (text(wide, "key").is_empty() && operator == "Exists");
    let effect = text(wide, "effect");
    let effects = effect == text(narrow, "effect") || effect.is_empty();
    let lasts = effect != "NoExecute"
        || seconds(wide).is_none_or(|most| seconds(narrow).is_some_and(|it| it <= most));
    let values = operator == "Exists"
        || (matches!(&*operator, "" | "Equal")
            && matches!(&*narrow_operator, "" | "Equal")
            && text(wide, "value") == text(narrow, "value"));
    wide == narrow || (key && effects && lasts && values)
}
