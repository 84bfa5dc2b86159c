//! Admission policies: their status says that their expressions were looked at.

use serde_json::json;

use super::Strategy;
use crate::failure::Failure;
use crate::object::Object;
use crate::state::State;

/// The hooks of ValidatingAdmissionPolicy.
#[derive(Debug)]
pub(crate) struct Policy;

impl Strategy for Policy {
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        report(state, object, object.generation());
        Ok(())
    }

    fn prepare_update(
        &self,
        state: &State,
        object: &mut Object,
        old: &Object,
    ) -> Result<(), Failure> {
        if object.at(&["spec"]) != old.at(&["spec"]) {
            report(state, object, old.generation() + 1);
        }
        Ok(())
    }
}

/// What the types of the kinds that the policy names say about its expressions. It is said at once, as
/// part of the write, so that nobody has to wait for it.
fn report(state: &State, policy: &mut Object, generation: i64) {
    let warnings = crate::admission::type_warnings(state, policy);
    let checking = match warnings.as_slice() {
        [] => json!({}),
        warnings => json!({ "expressionWarnings": warnings }),
    };
    let status = json!({ "observedGeneration": generation, "typeChecking": checking });
    policy.0.insert("status".to_owned(), status);
}
