//! CustomResourceDefinitions: accepted and served as soon as they are stored.

use serde_json::{Value, json};

use super::Strategy;
use crate::custom;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::registry::Kind;
use crate::state::State;

/// The hooks of CustomResourceDefinition.
#[derive(Debug)]
pub(crate) struct Definition;

/// Upstream's finalizer: the definition goes after its last object.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

impl Strategy for Definition {
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        custom::default_names(object);
        let (group, plural) = (
            object.text(&["spec", "group"]),
            object.text(&["spec", "names", "plural"]),
        );
        let registry = state.registry();
        if let Some(kind) = registry.get(group, plural)
            && kind.built_in()
        {
            let detail = format!("{} is a built-in resource", kind.qualified());
            let cause = Cause::invalid("spec.names.plural", plural, &detail);
            let definitions = registry.get("apiextensions.k8s.io", "customresourcedefinitions");
            return Err(match definitions {
                Some(definitions) => Failure::invalid(definitions, object.name(), vec![cause]),
                None => Failure::bad_request(detail),
            });
        }
        let mut finalizers: Vec<String> =
            object.finalizers().into_iter().map(str::to_owned).collect();
        if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
            finalizers.push(CLEANUP.to_owned());
        }
        object.set_finalizers(finalizers);
        let stored = custom::stored_version(object);
        object
            .0
            .insert("status".to_owned(), json!({ "storedVersions": [stored] }));
        custom::names::settle(state, object);
        Ok(())
    }

    fn prepare_update(
        &self,
        state: &State,
        object: &mut Object,
        _old: &Object,
    ) -> Result<(), Failure> {
        custom::default_names(object);
        custom::names::settle(state, object);
        let stored = Value::from(custom::stored_version(object));
        let status = object.section("status");
        let versions = status.entry("storedVersions").or_insert_with(|| json!([]));
        if let Value::Array(versions) = versions
            && !versions.contains(&stored)
        {
            versions.push(stored);
        }
        Ok(())
    }

    fn validate(&self, object: &Object) -> Vec<Cause> {
        custom::validate(object)
    }

    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        let fixed = [
            &["spec", "group"][..],
            &["spec", "scope"],
            &["spec", "names", "plural"],
        ];
        let changed = fixed
            .into_iter()
            .filter(|path| object.at(path) != old.at(path));
        let changed = changed.map(|path| {
            let value = object.at(path).cloned().unwrap_or_default();
            Cause::invalid(path.join("."), value, "field is immutable")
        });
        changed.chain(custom::missing_versions(object)).collect()
    }

    fn committed(
        &self,
        state: &State,
        _kind: &Kind,
        object: Option<&Object>,
        old: Option<&Object>,
    ) {
        match (object, old) {
            (Some(definition), _) if custom::names::is_established(definition) => {
                custom::install(state, definition);
            }
            (None, Some(old)) => custom::uninstall(state, old),
            (Some(_) | None, _) => {}
        }
    }
}
