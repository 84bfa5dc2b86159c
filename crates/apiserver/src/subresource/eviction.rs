//! `eviction`: deletes a pod unless a disruption budget forbids it.

use axum::response::Response;
use seatrial_expr::selector::Label;
use seatrial_store::Page;
use serde_json::Value;

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
    let pod = Fixed::load(call).await?;
    let finished = matches!(
        pod.object.text(&["status", "phase"]),
        "Succeeded" | "Failed"
    );
    if !finished && !pod.object.deleting() {
        budget_allows(call, &pod)?;
    }
    remove(call, name, &options).await?;
    Ok(reply::created())
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
    let selector = budget.at(&["spec", "selector"]).unwrap_or(&Value::Null);
    Label::from_json(selector).is_ok_and(|label| label.matches(&pod.record.metadata.labels))
}
