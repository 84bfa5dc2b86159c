//! Pods: they begin pending, keep their containers, and go gracefully.

use serde_json::{Value, json};

use super::Strategy;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::state::State;

/// The hooks of Pod.
#[derive(Debug)]
pub(crate) struct Pod;

/// How long a pod may take to go unless it says otherwise, in seconds.
const DEFAULT_GRACE: i64 = 30;

impl Strategy for Pod {
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        let class = quality_of_service(object);
        let status = json!({ "phase": "Pending", "qosClass": class });
        object.0.insert("status".to_owned(), status);
        let ephemeral = object.at(&["spec", "ephemeralContainers"]);
        if ephemeral
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
            && let Some((kind, _)) = state.registry().find("", "v1", "pods")
        {
            let cause = Cause::forbidden("spec.ephemeralContainers", "cannot be set on create");
            return Err(Failure::invalid(&kind, object.name(), vec![cause]));
        }
        Ok(())
    }

    fn grace(&self, object: &Object, asked: Option<i64>) -> i64 {
        let finished = matches!(object.text(&["status", "phase"]), "Succeeded" | "Failed");
        if object.text(&["spec", "nodeName"]).is_empty() || finished {
            return 0;
        }
        let own = object
            .at(&["spec", "terminationGracePeriodSeconds"])
            .and_then(Value::as_i64);
        asked.or(own).unwrap_or(DEFAULT_GRACE).max(0)
    }
}

/// `status.qosClass` as upstream works it out: by whether requests and limits are set and equal.
fn quality_of_service(object: &Object) -> &'static str {
    let lists = [&["spec", "containers"][..], &["spec", "initContainers"]];
    let containers = lists
        .into_iter()
        .filter_map(|path| object.at(path).and_then(Value::as_array))
        .flatten();
    let (mut any, mut guaranteed) = (false, true);
    for container in containers {
        let amount = |kind: &str, resource: &str| {
            container
                .pointer(&format!("/resources/{kind}/{resource}"))
                .filter(|it| !it.is_null())
        };
        for resource in ["cpu", "memory"] {
            let (request, limit) = (amount("requests", resource), amount("limits", resource));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
