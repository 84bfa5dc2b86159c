//! Roles and bindings: what is committed is in force.

use std::sync::Arc;

use seatrial_store::Key;

use super::Strategy;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::registry::Kind;
use crate::state::State;

/// The hooks of the four kinds.
#[derive(Debug)]
pub(crate) struct Access;

impl Strategy for Access {
    fn prepare_create(&self, _state: &State, object: &mut Object) -> Result<(), Failure> {
        default_groups(object);
        Ok(())
    }

    fn prepare_update(
        &self,
        _state: &State,
        object: &mut Object,
        _old: &Object,
    ) -> Result<(), Failure> {
        default_groups(object);
        Ok(())
    }

    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        let (new, old) = (object.at(&["roleRef"]), old.at(&["roleRef"]));
        if new == old {
            return Vec::new();
        }
        let value = new.cloned().unwrap_or_default();
        vec![Cause::invalid("roleRef", value, "cannot change roleRef")]
    }

    fn committed(&self, state: &State, kind: &Kind, object: Option<&Object>, old: Option<&Object>) {
        if let Some(object) = object.or(old) {
            let resource = Arc::clone(&kind.resource);
            let key = Key::new(resource, object.namespace(), object.name());
            state.access.follow(&state.store, &key);
        }
    }
}

/// Upstream's defaults: the group of a role, and of subjects that are no service accounts.
fn default_groups(object: &mut Object) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let unset = |map: &serde_json::Map<String, serde_json::Value>| {
        map.get("apiGroup")
            .is_none_or(|group| group.as_str() == Some(""))
    };
    if let Some(serde_json::Value::Object(role)) = object.0.get_mut("roleRef")
        && unset(role)
    {
        role.insert("apiGroup".to_owned(), GROUP.into());
    }
    let Some(serde_json::Value::Array(subjects)) = object.0.get_mut("subjects") else {
        return;
    };
    for subject in subjects
        .iter_mut()
        .filter_map(serde_json::Value::as_object_mut)
    {
        let person = matches!(
            subject.get("kind").and_then(serde_json::Value::as_str),
            Some("User" | "Group")
        );
        if person && unset(subject) {
            subject.insert("apiGroup".to_owned(), GROUP.into());
        }
    }
}
