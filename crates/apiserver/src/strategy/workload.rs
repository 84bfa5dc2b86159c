//! What Deployment, ReplicaSet, StatefulSet and DaemonSet have in common: a selector that fits their
//! template and never changes.

use serde_json::Value;

use super::Strategy;
use crate::failure::Cause;
use crate::object::Object;

/// The hooks of the kinds that keep pods.
#[derive(Debug)]
pub(crate) struct Workload;

impl Strategy for Workload {
    fn validate(&self, object: &Object) -> Vec<Cause> {
        let mut causes = Vec::new();
        let selector = object
            .at(&["spec", "selector", "matchLabels"])
            .and_then(Value::as_object);
        let expressions = object
            .at(&["spec", "selector", "matchExpressions"])
            .and_then(Value::as_array);
        let labels = object.at(&["spec", "template", "metadata", "labels"]);
        let empty =
            selector.is_none_or(serde_json::Map::is_empty) && expressions.is_none_or(Vec::is_empty);
        if object.at(&["spec", "selector"]).is_none() {
            causes.push(Cause::required("spec.selector", ""));
        } else if empty {
            let detail = "empty selector is invalid for deployment";
            causes.push(Cause::invalid(
                "spec.selector",
                serde_json::json!({}),
                detail,
            ));
        }
        let missing = selector
            .into_iter()
            .flatten()
            .any(|(key, value)| labels.and_then(|labels| labels.get(key)) != Some(value));
        if missing {
            let value = labels.cloned().unwrap_or(serde_json::json!({}));
            causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                value,
                "`selector` does not match template `labels`",
            ));
        }
        let replicas = object.at(&["spec", "replicas"]).and_then(Value::as_i64);
        if let Some(negative) = replicas.filter(|&count| count < 0) {
            let detail = "must be greater than or equal to 0";
            causes.push(Cause::invalid("spec.replicas", negative, detail));
        }
        let containers = object.at(&["spec", "template", "spec", "containers"]);
        if containers
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
        {
            causes.push(Cause::required("spec.template.spec.containers", ""));
        }
        causes
    }

    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        let selector = |object: &Object| object.at(&["spec", "selector"]).cloned();
        if selector(object) == selector(old) {
            return Vec::new();
        }
        let value = selector(object).unwrap_or_default();
        vec![Cause::invalid("spec.selector", value, "field is immutable")]
    }
}
