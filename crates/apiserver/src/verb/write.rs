//! What creation and change have in common: from a decoded body to a committed object.

use std::sync::Arc;

use seatrial_schema::patch::{DEEPEST, depth};
use seatrial_store::{Draft, Record};
use serde_json::json;

use crate::call::{Call, OBJECT_LIMIT};
use crate::custom::conversion;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::registry::Conversion;
use crate::state::decode;

/// The object before a change.
pub(crate) struct Fixed {
    /// As stored.
    pub(crate) record: Arc<Record>,
    /// Decoded, in the stored form.
    pub(crate) object: Object,
}

impl Fixed {
    /// The present state of the object that `call` names.
    pub(crate) async fn load(call: &Call) -> Result<Self, Failure> {
        let record = call
            .state
            .find(call.kind(), &call.target.namespace, call.name()?)?;
        let object = conversion::stored(call, decode(&record)?).await?;
        Ok(Self { record, object })
    }

    /// The object in the version that the path names.
    ///
    /// # Errors
    /// Where a conversion webhook fails.
    pub(crate) async fn served(&self, call: &Call) -> Result<Object, Failure> {
        let mut object = self.object.clone();
        match call.version().conversion {
            Conversion::Rename => {
                set_version(&mut object, &call.kind().api_version(call.version()));
            }
            Conversion::Convert { to_served, .. } => to_served(&mut object),
            Conversion::Webhook => return conversion::served_object(call, object).await,
        }
        Ok(object)
    }
}

fn set_version(object: &mut Object, version: &str) {
    object.0.insert("apiVersion".to_owned(), json!(version));
}

/// Checks that the body is of the kind and version of the path, and turns it into the stored form.
pub(super) async fn to_stored(call: &Call, object: &mut Object) -> Result<(), Failure> {
    let kind = call.kind();
    let expected = kind.api_version(call.version());
    let given = object.text(&["apiVersion"]);
    if !given.is_empty() && given != expected {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({given}) does not match the expected API version \
             ({expected})"
        )));
    }
    let given = object.text(&["kind"]);
    if !given.is_empty() && given != kind.kind {
        return Err(Failure::bad_request(format!(
            "the kind in the data ({given}) does not match the expected kind ({})",
            kind.kind
        )));
    }
    object.0.insert("kind".to_owned(), json!(kind.kind));
    match call.version().conversion {
        Conversion::Rename => set_version(object, &kind.stored_as),
        Conversion::Convert { to_stored, .. } => {
            set_version(object, &expected);
            to_stored(object);
        }
        Conversion::Webhook => {
            set_version(object, &expected);
            *object = conversion::stored(call, std::mem::take(object)).await?;
        }
    }
    Ok(())
}

/// Checks that the body is about the namespace of the path, and sets it.
pub(super) fn place(call: &Call, object: &mut Object) -> Result<(), Failure> {
    let namespace = &call.target.namespace;
    let given = object.namespace();
    if !given.is_empty() && given != namespace {
        if call.kind().namespaced() {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        let cause = Cause::forbidden("metadata.namespace", "not allowed on this type");
        return Err(Failure::invalid(call.kind(), object.name(), vec![cause]));
    }
    if namespace.is_empty() {
        object.metadata().remove("namespace");
    } else {
        object
            .metadata()
            .insert("namespace".to_owned(), json!(namespace));
    }
    Ok(())
}

pub(super) fn invalid_if_any(
    call: &Call,
    object: &Object,
    causes: Vec<Cause>,
) -> Result<(), Failure> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(call.kind(), object.name(), causes))
}

pub(super) fn draft(object: &Object) -> Result<Draft, Failure> {
    // What is nested more deeply could not be read again. Patches, webhooks and protobuf can build it.
    let depth = 1 + object.0.values().map(depth).max().unwrap_or_default();
    if depth > DEEPEST {
        return Err(Failure::bad_request(format!(
            "the object is nested {depth} deep; the limit is {DEEPEST}"
        )));
    }
    let draft = object.draft();
    if draft.len() > OBJECT_LIMIT {
        return Err(Failure::too_large(OBJECT_LIMIT));
    }
    Ok(draft)
}
