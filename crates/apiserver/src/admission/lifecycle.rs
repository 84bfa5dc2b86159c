//! NamespaceLifecycle: nothing is made in a namespace that does not exist or is going.

use async_trait::async_trait;

use super::{Admission, Change, Operation};
use crate::failure::{Cause, Failure};
use crate::object::Object;

/// The step.
pub(super) struct Lifecycle;

#[async_trait]
impl Admission for Lifecycle {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && !change.namespace.is_empty()
    }

    async fn mutate(&self, change: &Change<'_>, _object: &mut Object) -> Result<(), Failure> {
        let namespace = change.namespace;
        let registry = change.state.registry();
        let Some(namespaces) = registry.get("", "namespaces") else {
            return Err(Failure::internal("namespaces are not served"));
        };
        let record = change.state.find(namespaces, "", namespace)?;
        if !record.metadata.deleting {
            return Ok(());
        }
        let detail = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let message = format!("namespace {namespace} is being terminated");
        let cause = Cause::new("NamespaceTerminating", "metadata.namespace", message);
        Err(change.forbidden(&detail).with_causes(vec![cause]))
    }
}
