//! Who owns which field: the record in `metadata.managedFields`, kept on every write.
//!
//! Applies record by themselves, when they merge; creates, updates and the other patches do it here, on
//! the object as the client wrote it, with defaults and before anything else completes it.

use http::{Method, header};
use seatrial_schema::apply;
use serde_json::{Map, Value};

use crate::body;
use crate::call::Call;
use crate::facts;
use crate::failure::{Cause, Failure};
use crate::object::{Object, timestamp};
use crate::registry::Conversion;

/// The media type of server-side applies.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// How a request deals with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// The client changes fields.
    Update,
    /// The merge has recorded already.
    Apply,
    /// The server acts on behalf of the client (a binding, an eviction), which owns nothing by that.
    Action,
}

fn writing(call: &Call) -> Writing {
    match call.method {
        Method::PATCH if body::media_type(call) == APPLY => Writing::Apply,
        Method::PUT | Method::PATCH => Writing::Update,
        Method::POST if call.target.name.is_none() => Writing::Update,
        _ => Writing::Action,
    }
}

/// Checks the options of a write that are about ownership.
///
/// # Errors
/// Invalid options: a name that is none, an apply without one, force without an apply.
pub(crate) fn check_options(call: &Call) -> Result<(), Failure> {
    let options = match call.method {
        Method::POST => "CreateOptions",
        Method::PUT => "UpdateOptions",
        Method::PATCH => "PatchOptions",
        _ => return Ok(()),
    };
    let mut causes = Vec::new();
    let name = call.parameter("fieldManager");
    if writing(call) == Writing::Apply {
        if name.is_none() {
            causes.push(Cause::required(
                "fieldManager",
                "is required for apply patch",
            ));
        }
    } else if call.method == Method::PATCH && call.parameter("force").is_some() {
        let detail = "may not be specified for non-apply patch";
        causes.push(Cause::forbidden("force", detail));
    }
    let wrong = apply::manager(name.unwrap_or_default(), "fieldManager");
    causes.extend(wrong.into_iter().map(facts::cause));
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid_options(options, causes))
    }
}

/// The field manager of a request: what it says, or the program that makes it.
pub(crate) fn manager(call: &Call) -> String {
    if let Some(name) = call.parameter("fieldManager") {
        return name.to_owned();
    }
    let agent = call.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok());
    apply::manager_of_agent(agent.unwrap_or_default())
}

/// The roots that the path of a request cannot change, as elements of field sets.
pub(crate) fn reset(call: &Call, live: Option<&Map<String, Value>>) -> Vec<String> {
    let kind = call.kind();
    match call.target.subresource.as_str() {
        "" if kind.has_status(call.version()) && !kind.strategy.keeps_status() => {
            vec!["f:status".to_owned()]
        }
        "status" => {
            let kept = |field: &&String| match field.as_str() {
                "status" => false,
                "metadata" => !kind.built_in(),
                _ => true,
            };
            let fields = live.into_iter().flat_map(Map::keys).filter(kept);
            fields.map(|field| format!("f:{field}")).collect()
        }
        _ => Vec::new(),
    }
}

/// Records who owns the fields of a new object, which is in the stored form.
///
/// # Errors
/// Invalid, where the client sends a record that is none.
pub(crate) fn created(call: &Call, object: &mut Object) -> Result<(), Failure> {
    match writing(call) {
        Writing::Apply => Ok(()),
        Writing::Update | Writing::Action => {
            check(call, object)?;
            record(call, object, None);
            Ok(())
        }
    }
}

/// Records who owns the fields of a changed object. Both are in the stored form.
///
/// # Errors
/// Invalid, where the client sends a record that is none.
pub(crate) fn changed(call: &Call, object: &mut Object, old: &Object) -> Result<(), Failure> {
    match writing(call) {
        Writing::Update => {
            if call.target.subresource.is_empty() {
                check(call, object)?;
            } else {
                // Only the object's own path may edit the record.
                restore(object, old);
            }
            record(call, object, Some(old));
            Ok(())
        }
        Writing::Apply => Ok(()),
        Writing::Action => {
            restore(object, old);
            Ok(())
        }
    }
}

fn restore(object: &mut Object, old: &Object) {
    match old.at(&["metadata", "managedFields"]) {
        Some(fields) => {
            let fields = fields.clone();
            object.metadata().insert("managedFields".to_owned(), fields);
        }
        None => {
            object.metadata().remove("managedFields");
        }
    }
}

fn check(call: &Call, object: &Object) -> Result<(), Failure> {
    let causes = apply::managed_fields(&object.0);
    if causes.is_empty() {
        return Ok(());
    }
    let causes = causes.into_iter().map(facts::cause).collect();
    Err(Failure::invalid(call.kind(), object.name(), causes))
}

fn record(call: &Call, object: &mut Object, old: Option<&Object>) {
    let (kind, version) = (call.kind(), call.version());
    let api_version = kind.api_version(version);
    let reset = reset(call, Some(&object.0));
    let reset: Vec<&str> = reset.iter().map(String::as_str).collect();
    let manager = apply::Manager {
        name: &manager(call),
        operation: apply::Operation::Update,
        api_version: &api_version,
        subresource: &call.target.subresource,
        time: &timestamp(call.state.now()),
        reset: &reset,
    };
    let object_type = facts::type_of(kind, version);
    let structure = object_type.structure();
    let Conversion::Convert { to_served, .. } = version.conversion else {
        let old = old.map(|old| &old.0);
        return apply::updated(old, &mut object.0, &manager, structure);
    };
    // The fields are those of the version that the client speaks.
    let served = |object: &Object| {
        let mut object = object.clone();
        to_served(&mut object);
        object
    };
    let (old, mut new) = (old.map(served), served(object));
    let old = old.as_ref().map(|old| &old.0);
    apply::updated(old, &mut new.0, &manager, structure);
    restore(object, &new);
}
