//! The application of the hour, as its team would write it.

use serde_json::{Value, json};

/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "production";
/// The Service whose host clients ask for.
pub(crate) const SERVICE: &str = "production-app";

/// Every object, the Rollout last and at version `v1`.
pub(crate) fn objects() -> Vec<Value> {
    serde_saphyr::from_multiple(include_str!("production.yaml")).unwrap()
}

/// The Rollout at this version.
pub(crate) fn release(version: &str) -> Value {
    let mut rollout = objects().pop().unwrap();
    let template = &mut rollout["spec"]["template"];
    template["metadata"]["labels"]["version"] = json!(version);
    template["spec"]["containers"][0]["image"] = json!(format!("app:{version}"));
    rollout
}
