//! TaintNodesByCondition: a new node takes no pods before it has said that it is ready. Whoever watches over nodes takes the
//! taint away then.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

const KEY: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

/// The step.
pub(super) struct NewNodes;

#[async_trait]
impl Admission for NewNodes {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && change.is_about("nodes")
    }

    async fn mutate(&self, _: &Change<'_>, node: &mut Object) -> Result<(), Failure> {
        let taints = node
            .section("spec")
            .entry("taints")
            .or_insert_with(|| json!([]));
        if taints.is_null() {
            *taints = json!([]);
        }
        let Value::Array(taints) = taints else {
            return Ok(());
        };
        if !taints
            .iter()
            .any(|one| one["key"] == KEY && one["effect"] == EFFECT)
        {
            taints.push(json!({ "key": KEY, "effect": EFFECT }));
        }
        Ok(())
    }
}
