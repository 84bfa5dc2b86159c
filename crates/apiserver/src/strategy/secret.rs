//! Secrets: text given as `stringData` is stored encoded, and the type is fixed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Strategy;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::state::State;

/// The hooks of Secret.
#[derive(Debug)]
pub(crate) struct Secret;

impl Strategy for Secret {
    fn prepare_create(&self, _state: &State, object: &mut Object) -> Result<(), Failure> {
        fold_text(object);
        Ok(())
    }

    fn prepare_update(
        &self,
        _state: &State,
        object: &mut Object,
        _old: &Object,
    ) -> Result<(), Failure> {
        fold_text(object);
        Ok(())
    }

    fn validate(&self, object: &Object) -> Vec<Cause> {
        let data = object.at(&["data"]).and_then(Value::as_object);
        data.into_iter()
            .flatten()
            .filter(|(_, value)| {
                value
                    .as_str()
                    .is_none_or(|text| STANDARD.decode(text).is_err())
            })
            .map(|(key, _)| {
                Cause::invalid(
                    format!("data[{key}]"),
                    "<redacted>",
                    "must be base64 encoded",
                )
            })
            .collect()
    }

    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        let kind = |secret: &Object| secret.text(&["type"]).to_owned();
        if kind(object) == kind(old) {
            return Vec::new();
        }
        vec![Cause::invalid("type", kind(object), "field is immutable")]
    }
}

fn fold_text(object: &mut Object) {
    if let Some(Value::Object(texts)) = object.0.remove("stringData") {
        let data = object.section("data");
        for (key, value) in texts {
            let text = value.as_str().unwrap_or_default();
            data.insert(key, json!(STANDARD.encode(text)));
        }
    }
    object.0.entry("type").or_insert_with(|| json!("Opaque"));
}
