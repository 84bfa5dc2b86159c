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
    fn prepare_create(&self, _state: &State, object: &mut Object) -> Result<(), Failure> {
        let class = quality_of_service(object);
        let status = json!({ "phase": "Pending", "qosClass": class });
        object.0.insert("status".to_owned(), status);
        if object.text(&["spec", "serviceAccountName"]).is_empty() {
            let spec = object.section("spec");
            spec.insert("serviceAccountName".to_owned(), json!("default"));
            spec.insert("serviceAccount".to_owned(), json!("default"));
        }
        Ok(())
    }

    fn validate(&self, object: &Object) -> Vec<Cause> {
        let containers = object.at(&["spec", "containers"]).and_then(Value::as_array);
        if containers.is_none_or(Vec::is_empty) {
            return vec![Cause::required("spec.containers", "")];
        }
        Vec::new()
    }

    /// Upstream lets images, the active deadline, tolerations and the grace period of a pod change,
    /// and gates be removed; the rest of the specification is fixed once it is made.
    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        if fixed_part(object) == fixed_part(old) {
            return Vec::new();
        }
        let detail = "pod updates may not change fields other than \
                      `spec.containers[*].image`,`spec.initContainers[*].image`,\
                      `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
                      tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if \
                      it was previously negative)";
        vec![Cause::forbidden("spec", detail)]
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

    fn returns_deleted(&self) -> bool {
        true
    }
}

fn fixed_part(object: &Object) -> Option<Value> {
    let mut spec = object.at(&["spec"])?.clone();
    let fields = spec.as_object_mut()?;
    for free in [
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "schedulingGates",
        "nodeName",
    ] {
        fields.remove(free);
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in fields
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(container) = container.as_object_mut() {
                container.remove("image");
            }
        }
    }
    Some(spec)
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
