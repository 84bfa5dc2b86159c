//! Namespaces: held by `spec.finalizers` until their content is gone.

use serde_json::{Value, json};

use super::Strategy;
use crate::failure::Failure;
use crate::object::Object;
use crate::state::State;

/// The hooks of Namespace.
#[derive(Debug)]
pub(crate) struct Namespace;

/// The finalizer that the namespace controller removes once the namespace is empty.
const KUBERNETES: &str = "kubernetes";

/// Namespaces that the system cannot do without.
const IMMORTAL: [&str; 4] = ["default", "kube-system", "kube-public", "seatrial-system"];

/// The label by which every namespace can be selected by name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

impl Strategy for Namespace {
    fn prepare_create(&self, _state: &State, object: &mut Object) -> Result<(), Failure> {
        label(object);
        let finalizers = object
            .section("spec")
            .entry("finalizers")
            .or_insert_with(|| json!([]));
        if let Value::Array(finalizers) = finalizers
            && !finalizers.contains(&json!(KUBERNETES))
        {
            finalizers.push(json!(KUBERNETES));
        }
        object
            .0
            .insert("status".to_owned(), json!({"phase": "Active"}));
        Ok(())
    }

    /// Only the `finalize` subresource changes the finalizers, and it does not come through here.
    fn prepare_update(
        &self,
        _state: &State,
        object: &mut Object,
        old: &Object,
    ) -> Result<(), Failure> {
        label(object);
        if let Some(finalizers) = old.at(&["spec", "finalizers"]) {
            object
                .section("spec")
                .insert("finalizers".to_owned(), finalizers.clone());
        }
        Ok(())
    }

    fn immortal(&self, object: &Object) -> Option<&'static str> {
        IMMORTAL
            .contains(&object.name())
            .then_some("this namespace may not be deleted")
    }

    fn prepare_delete(&self, object: &mut Object) {
        object
            .section("status")
            .insert("phase".to_owned(), json!("Terminating"));
    }

    fn held(&self, object: &Object) -> bool {
        let finalizers = object.at(&["spec", "finalizers"]).and_then(Value::as_array);
        finalizers.is_some_and(|finalizers| !finalizers.is_empty())
    }
}

fn label(object: &mut Object) {
    let name = json!(object.name());
    let labels = crate::object::section(object.metadata(), "labels");
    labels.insert(NAME_LABEL.to_owned(), name);
}
