//! DefaultIngressClass: an ingress that names no class gets the default one.

use async_trait::async_trait;
use serde_json::json;

use super::storage::newest_default;
use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

/// The step.
pub(super) struct DefaultIngressClass;

#[async_trait]
impl Admission for DefaultIngressClass {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.operation == Operation::Create && change.is_about("ingresses.networking.k8s.io")
    }

    async fn mutate(&self, change: &Change<'_>, ingress: &mut Object) -> Result<(), Failure> {
        let annotation = "kubernetes.io/ingress.class";
        let named = ingress
            .at(&["spec", "ingressClassName"])
            .is_some_and(|name| !name.is_null())
            || ingress
                .at(&["metadata", "annotations", annotation])
                .is_some();
        let marks = ["ingressclass.kubernetes.io/is-default-class"];
        if !named
            && let Some(name) = newest_default(change, "ingressclasses.networking.k8s.io", &marks)
        {
            ingress
                .section("spec")
                .insert("ingressClassName".to_owned(), json!(name));
        }
        Ok(())
    }
}
