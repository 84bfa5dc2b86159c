//! `eviction`: deletes a pod unless a disruption budget forbids it, in upstream's order and words.

use axum::response::Response;
use seatrial_expr::selector::Label;
use seatrial_store::{Change, Expect, Page, Record, Write};
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::{Object, timestamp};
use crate::reply;
use crate::verb::{Fixed, Options, commit_update, remove};

/// How often an eviction is tried again when the pod or the budget changes meanwhile.
const ATTEMPTS: usize = 5;
/// The most evicted pods whose deletion a budget waits for.
const MOST_DISRUPTED: usize = 2000;
const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

pub(super) async fn create(call: &Call) -> Result<Response, Failure> {
    let eviction = body::object(call)?;
    let name = call.name()?;
    let wanted = eviction.name();
    if !wanted.is_empty() && wanted != name {
        return Err(Failure::bad_request(format!(
            "name in URL does not match name in Eviction object: name in URL: {name}, name in \
             Eviction: {wanted}"
        )));
    }
    let options = match eviction.at(&["deleteOptions"]) {
        Some(Value::Object(map)) => Options::from(call, &Object(map.clone()))?,
        _ => Options::from(call, &Object::default())?,
    };
    let pod = Fixed::load(call).await?;
    if !needs_no_leave(&pod.object) {
        if let Some(budget) = budget_of(call, &pod)? {
            take_leave(call, &budget, &pod, options.is_dry_run()).await?;
        }
        if !options.is_dry_run() {
            mark(call).await?;
        }
    }
    remove(call, name, &options).await?;
    Ok(reply::created())
}

/// Pods that serve nobody are not counted by any budget.
fn needs_no_leave(pod: &Object) -> bool {
    let phase = pod.text(&["status", "phase"]);
    pod.deleting() || matches!(phase, "Succeeded" | "Failed" | "Pending" | "")
}

/// The one budget that covers the pod.
fn budget_of(call: &Call, pod: &Fixed) -> Result<Option<Fixed>, Failure> {
    let page = Page {
        namespace: Some(&call.target.namespace),
        ..Page::default()
    };
    let listing = call.state.store.list("poddisruptionbudgets.policy", &page);
    let mut covering = Vec::new();
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let object = crate::state::decode(&record)?;
        if covers(&object, &pod.record) {
            covering.push(Fixed { record, object });
        }
    }
    if covering.len() > 1 {
        return Err(Failure::new(
            Reason::InternalError,
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does \
             not support.",
        ));
    }
    Ok(covering.pop())
}

fn covers(budget: &Object, pod: &Record) -> bool {
    let selector = budget.at(&["spec", "selector"]).unwrap_or(&Value::Null);
    Label::from_json(selector)
        .is_ok_and(|label| label.matches_by(|key| pod.metadata.labels.get(key)))
}

fn number(budget: &Object, field: &str) -> i64 {
    let value = budget.at(&["status", field]).and_then(Value::as_i64);
    value.unwrap_or_default()
}

/// Whether the pod is unready and its budget lets such pods go without counting them.
fn may_go_uncounted(budget: &Object, pod: &Object) -> bool {
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().any(|one| {
        one.get("type") == Some(&json!("Ready")) && one.get("status") == Some(&json!("True"))
    });
    if ready {
        return false;
    }
    let (healthy, desired) = (
        number(budget, "currentHealthy"),
        number(budget, "desiredHealthy"),
    );
    budget.text(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow"
        || (healthy >= desired && desired > 0)
}

/// Counts the eviction in the budget's status, or refuses it.
async fn take_leave(call: &Call, first: &Fixed, pod: &Fixed, dry_run: bool) -> Result<(), Failure> {
    let (state, key) = (&call.state, &first.record.key);
    let Some((kind, _)) = state
        .registry()
        .find("policy", "v1", "poddisruptionbudgets")
    else {
        return Err(Failure::internal("poddisruptionbudgets are not served"));
    };
    for attempt in 1.. {
        let record = state.find(&kind, &call.target.namespace, &key.name)?;
        let mut budget = crate::state::decode(&record)?;
        if may_go_uncounted(&budget, &pod.object) {
            return Ok(());
        }
        may_disrupt(&budget)?;
        if dry_run {
            return Ok(());
        }
        count(call, &mut budget);
        let change = Change::Put {
            metadata: budget.selectable(&kind.selectable),
            draft: budget.draft(),
        };
        let write = Write {
            key: key.clone(),
            expect: Expect::Revision(record.revision),
            change,
        };
        match state.commit(&kind, write).await {
            Err(failure) if failure.reason == Reason::Conflict && attempt < ATTEMPTS => {}
            outcome => return outcome.map(drop),
        }
    }
    Ok(())
}

fn may_disrupt(budget: &Object) -> Result<(), Failure> {
    let name = budget.name();
    let observed = number(budget, "observedGeneration");
    if observed < budget.generation() {
        let detail =
            format!("The disruption budget {name} is still being processed by the server.");
        let mut failure = refusal(detail);
        failure.details.retry_after = Some(10);
        return Err(failure);
    }
    let disrupted = budget.at(&["status", "disruptedPods"]);
    let disrupted = disrupted
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len);
    if disrupted > MOST_DISRUPTED {
        return Err(Failure::new(
            Reason::Forbidden,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if number(budget, "disruptionsAllowed") > 0 {
        return Ok(());
    }
    let conditions = budget
        .at(&["status", "conditions"])
        .and_then(Value::as_array);
    let failed = conditions
        .into_iter()
        .flatten()
        .find(|one| one.get("reason") == Some(&json!("SyncFailed")));
    Err(refusal(match failed {
        Some(condition) => {
            let why = condition.get("message").and_then(Value::as_str);
            format!(
                "The disruption budget {name} does not allow evicting pods currently because it \
                 failed sync: {}",
                why.unwrap_or_default()
            )
        }
        None => format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number(budget, "desiredHealthy"),
            number(budget, "currentHealthy")
        ),
    }))
}

fn refusal(detail: String) -> Failure {
    let cause = Cause::new("DisruptionBudget", "", detail);
    Failure::new(Reason::TooManyRequests, REFUSED).with_causes(vec![cause])
}

/// One disruption less is allowed, and the pod counts as gone from now on.
fn count(call: &Call, budget: &mut Object) {
    let now = timestamp(call.state.now());
    let left = number(budget, "disruptionsAllowed") - 1;
    let pod = call.target.name.clone().unwrap_or_default();
    let status = budget.section("status");
    status.insert("disruptionsAllowed".to_owned(), json!(left));
    crate::object::section(status, "disruptedPods").insert(pod, json!(now));
    if left > 0 {
        return;
    }
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if condition.get("type") == Some(&json!("DisruptionAllowed")) {
            condition["status"] = json!("False");
            condition["reason"] = json!("InsufficientPods");
            condition["lastTransitionTime"] = json!(now);
        }
    }
}

/// Notes in the pod why it goes.
async fn mark(call: &Call) -> Result<(), Failure> {
    for attempt in 1.. {
        let old = Fixed::load(call).await?;
        let mut pod = old.served(call).await?;
        let now = timestamp(call.state.now());
        let conditions = pod
            .section("status")
            .entry("conditions")
            .or_insert_with(|| json!([]));
        if let Value::Array(conditions) = conditions {
            conditions.retain(|one| one.get("type") != Some(&json!("DisruptionTarget")));
            conditions.push(json!({
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting",
                "lastProbeTime": null,
                "lastTransitionTime": now,
            }));
        }
        match commit_update(call, &old, pod, Vec::new()).await {
            Err(failure) if failure.reason == Reason::Conflict && attempt < ATTEMPTS => {}
            outcome => return outcome.map(drop),
        }
    }
    Ok(())
}
