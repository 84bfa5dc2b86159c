//! Secrets: text given as `stringData` is stored encoded, and the type is fixed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Strategy;
use crate::failure::Failure;
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
