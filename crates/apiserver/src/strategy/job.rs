//! Jobs: they select their pods by a generated label unless told otherwise.

use serde_json::{Value, json};

use super::Strategy;
use crate::failure::{Cause, Failure};
use crate::object::{Object, section};
use crate::state::State;

/// The hooks of Job.
#[derive(Debug)]
pub(crate) struct Job;

impl Strategy for Job {
    fn prepare_create(&self, _state: &State, object: &mut Object) -> Result<(), Failure> {
        let manual = object
            .at(&["spec", "manualSelector"])
            .and_then(Value::as_bool);
        if manual == Some(true) {
            return Ok(());
        }
        let (uid, name) = (object.uid().to_owned(), object.name().to_owned());
        let spec = object.section("spec");
        let metadata = section(section(spec, "template"), "metadata");
        let labels = section(metadata, "labels");
        for (key, value) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            labels.insert(key.to_owned(), json!(value));
        }
        let selector = section(section(spec, "selector"), "matchLabels");
        selector.insert("batch.kubernetes.io/controller-uid".to_owned(), json!(uid));
        Ok(())
    }

    /// Unless it is manual, the selector is the generated one and no other.
    fn validate(&self, object: &Object) -> Vec<Cause> {
        let manual = object.at(&["spec", "manualSelector"]);
        let selector = object.at(&["spec", "selector"]);
        let uid = object.uid();
        let generated = json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } });
        match selector {
            Some(selector) if manual != Some(&Value::Bool(true)) && *selector != generated => {
                let detail = "`selector` not auto-generated";
                vec![Cause::invalid("spec.selector", selector.clone(), detail)]
            }
            _ => Vec::new(),
        }
    }
}
