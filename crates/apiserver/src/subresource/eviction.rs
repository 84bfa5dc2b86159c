//! `eviction`: deletes a pod unless a disruption budget forbids it.

use axum::response::Response;
use http::StatusCode;
use seatrial_store::Page;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::Object;
use crate::reply;
use crate::verb::{Fixed, Options, remove};

pub(super) async fn create(call: &Call) -> Result<Response, Failure> {
    let eviction = body::object(call)?;
    let name = call.name()?;
    let options = match eviction.at(&["deleteOptions"]) {
        Some(Value::Object(map)) => Options::from(call, &Object(map.clone()))?,
        _ => Options::from(call, &Object::default())?,
    };
    let pod = Fixed::load(call)?;
    let finished = matches!(
        pod.object.text(&["status", "phase"]),
        "Succeeded" | "Failed"
    );
    if !finished && !pod.object.deleting() {
        budget_allows(call, &pod)?;
    }
    remove(call, name, &options).await?;
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    });
    Ok(reply::json(StatusCode::CREATED, status.to_string()))
}

/// Looks for a budget that covers the pod and allows no disruption now.
fn budget_allows(call: &Call, pod: &Fixed) -> Result<(), Failure> {
    let page = Page {
        namespace: Some(&call.target.namespace),
        ..Page::default()
    };
    let listing = call.state.store.list("poddisruptionbudgets.policy", &page);
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let budget = crate::state::decode(&record)?;
        if !covers(&budget, pod) {
            continue;
        }
        let allowed = budget
            .at(&["status", "disruptionsAllowed"])
            .and_then(Value::as_i64);
        if allowed.unwrap_or_default() > 0 {
            continue;
        }
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let detail = format!(
            "The disruption budget {} allows no disruption now",
            record.key.name
        );
        let cause = Cause::new("DisruptionBudget", "", detail);
        return Err(Failure::new(Reason::TooManyRequests, message).with_causes(vec![cause]));
    }
    Ok(())
}

fn covers(budget: &Object, pod: &Fixed) -> bool {
    let labels = &pod.record.metadata.labels;
    let Some(selector) = budget.at(&["spec", "selector"]) else {
        return false;
    };
    let wanted = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut wanted =
        wanted.map(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let text = |value: &Value, field: &str| {
        value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let mut expressions = expressions.into_iter().flatten().map(|expression| {
        let found = labels.get(&text(expression, "key"));
        let values = expression.get("values").and_then(Value::as_array);
        let listed = values.is_some_and(|values| {
            values
                .iter()
                .any(|value| value.as_str() == found.map(String::as_str))
        });
        match text(expression, "operator").as_str() {
            "In" => found.is_some() && listed,
            "NotIn" => found.is_none() || !listed,
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            _ => false,
        }
    });
    wanted.all(|holds| holds) && expressions.all(|holds| holds)
}
