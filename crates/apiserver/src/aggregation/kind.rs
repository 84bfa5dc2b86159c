//! The kind APIService. Its facts are not among the generated ones, so it is described here, in the way of a custom kind.

use serde_json::json;

use crate::custom;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::registry::Kind;
use crate::state::State;
use crate::strategy::Strategy;

/// The row of the registry.
pub(crate) fn kind() -> Kind {
    let text = || json!({ "type": "string" });
    let condition = json!({ "type": "object", "required": ["type", "status"], "properties": {
        "type": text(), "status": text(), "reason": text(), "message": text(),
        "lastTransitionTime": { "type": "string", "format": "date-time" },
    } });
    let schema = json!({ "type": "object", "description": "A version of a group that a server serves.", "properties": {
        "spec": { "type": "object", "required": ["groupPriorityMinimum", "versionPriority"], "properties": {
            "group": text(), "version": text(),
            "caBundle": { "type": "string", "format": "byte" },
            "insecureSkipTLSVerify": { "type": "boolean" },
            "groupPriorityMinimum": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 20000 },
            "versionPriority": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 1000 },
            "service": { "type": "object", "nullable": true, "properties": {
                "namespace": text(), "name": text(),
                "port": { "type": "integer", "format": "int32", "default": 443, "minimum": 1, "maximum": 65535 },
            } },
        } },
        "status": { "type": "object", "properties": { "conditions": {
            "type": "array", "items": condition, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        } } },
    } });
    let definition = json!({
        "metadata": { "name": "apiservices.apiregistration.k8s.io" },
        "spec": {
            "group": "apiregistration.k8s.io",
            "scope": "Cluster",
            "names": {
                "kind": "APIService", "listKind": "APIServiceList", "plural": "apiservices", "singular": "apiservice",
                "categories": ["api-extensions"],
            },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    { "name": "Service", "type": "string", "jsonPath": ".spec.service.name",
                      "description": "The service that serves it; none for what this server serves itself." },
                    { "name": "Available", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Available\")].status" },
                    { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
                ],
            }],
        },
    });
    let definition = match definition {
        serde_json::Value::Object(map) => Object(map),
        _ => Object::default(),
    };
    Kind {
        strategy: &ApiService,
        ..custom::kind(&definition)
    }
}

/// The hooks of APIService.
#[derive(Debug)]
struct ApiService;

impl Strategy for ApiService {
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        let now = crate::object::timestamp(state.now());
        let (status, reason, message) = if object
            .at(&["spec", "service"])
            .is_some_and(serde_json::Value::is_object)
        {
            ("Unknown", "Unknown", "not asked yet")
        } else {
            ("True", "Local", "Local APIServices are always available")
        };
        let condition = super::available::condition(status, reason, message, &now);
        object
            .0
            .insert("status".to_owned(), json!({ "conditions": [condition] }));
        Ok(())
    }

    fn keeps_status(&self) -> bool {
        true
    }

    fn validate(&self, object: &Object) -> Vec<Cause> {
        let (group, version) = (
            object.text(&["spec", "group"]),
            object.text(&["spec", "version"]),
        );
        let mut causes = Vec::new();
        if object.name() != format!("{version}.{group}") {
            let detail = "must be `spec.version+\".\"+spec.group`";
            causes.push(Cause::invalid("metadata.name", object.name(), detail));
        }
        if object
            .at(&["spec", "service"])
            .is_some_and(serde_json::Value::is_object)
        {
            for field in ["namespace", "name"] {
                if object.text(&["spec", "service", field]).is_empty() {
                    causes.push(Cause::required(format!("spec.service.{field}"), ""));
                }
            }
        }
        let insecure = object
            .at(&["spec", "insecureSkipTLSVerify"])
            .and_then(serde_json::Value::as_bool)
            == Some(true);
        if insecure && !object.text(&["spec", "caBundle"]).is_empty() {
            let detail = "may not be true if caBundle is present";
            causes.push(Cause::invalid("spec.insecureSkipTLSVerify", true, detail));
        }
        causes
    }
}
