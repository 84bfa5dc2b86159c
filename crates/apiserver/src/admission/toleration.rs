//! DefaultTolerationSeconds: a pod stays five minutes on a node that does not answer.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

const TAINTS: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];
const SECONDS: i64 = 300;

/// The step.
pub(super) struct Tolerations;

#[async_trait]
impl Admission for Tolerations {
    fn handles(&self, change: &Change<'_>) -> bool {
        matches!(change.operation, Operation::Create | Operation::Update) && change.is_about("pods")
    }

    async fn mutate(&self, _: &Change<'_>, pod: &mut Object) -> Result<(), Failure> {
        let tolerations = pod
            .section("spec")
            .entry("tolerations")
            .or_insert_with(|| json!([]));
        let Value::Array(tolerations) = tolerations else {
            return Ok(());
        };
        let missing = TAINTS
            .iter()
            .filter(|taint| !tolerations.iter().any(|one| tolerates(one, taint)));
        let missing: Vec<&&str> = missing.collect();
        tolerations.extend(missing.into_iter().map(|taint| {
            json!({ "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS })
        }));
        Ok(())
    }
}

fn tolerates(toleration: &Value, taint: &str) -> bool {
    let text = |field: &str| {
        toleration
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    matches!(text("effect"), "" | "NoExecute") && (text("key").is_empty() || text("key") == taint)
}
