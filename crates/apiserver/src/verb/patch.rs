//! Changing an object by a patch.

use serde_json::Value;

use super::update::ATTEMPTS;
use super::{Fixed, Written, commit_update, finish_create};
use crate::body;
use crate::call::Call;
use crate::facts;
use crate::failure::{Cause, Failure, Reason};
use crate::object::Object;

/// The four kinds of patches.
enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
    Apply {
        object: Object,
        manager: String,
        force: bool,
    },
}

const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, \
    application/strategic-merge-patch+json, application/apply-patch+yaml";

fn read(call: &Call) -> Result<Patch, Failure> {
    match body::media_type(call).as_str() {
        "application/json-patch+json" => {
            let operations = body::json(&call.body)?;
            serde_json::from_value(operations)
                .map(Patch::Json)
                .map_err(|error| {
                    Failure::bad_request(format!(
                        "the body of the request is no JSON patch: {error}"
                    ))
                })
        }
        "application/merge-patch+json" => body::json(&call.body).map(Patch::Merge),
        "application/strategic-merge-patch+json" if call.kind().built_in() => {
            body::json(&call.body).map(Patch::Strategic)
        }
        "application/apply-patch+yaml" => read_apply(call),
        _ if call.kind().built_in() => Err(body::unsupported(ACCEPTED)),
        _ => Err(body::unsupported(
            "application/json-patch+json, application/merge-patch+json, \
             application/apply-patch+yaml",
        )),
    }
}

fn read_apply(call: &Call) -> Result<Patch, Failure> {
    let Some(manager) = call.parameter("fieldManager") else {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(Failure::invalid(call.kind(), call.name()?, vec![cause]));
    };
    let Value::Object(map) = body::yaml(&call.body)? else {
        return Err(Failure::bad_request(
            "the body of the request is not an object",
        ));
    };
    let object = Object(map);
    for field in ["apiVersion", "kind"] {
        if object.text(&[field]).is_empty() {
            return Err(Failure::bad_request(format!(
                "invalid object type: {field} must be set"
            )));
        }
    }
    if object
        .at(&["metadata", "managedFields"])
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let force = call.flag("force") == Some(true);
    Ok(Patch::Apply {
        object,
        manager: manager.to_owned(),
        force,
    })
}

pub(super) async fn patch(call: &Call) -> Result<Written, Failure> {
    let patch = read(call)?;
    let exists = call
        .state
        .record(call.kind(), &call.target.namespace, call.name()?)
        .is_some();
    if let (
        Patch::Apply {
            object, manager, ..
        },
        false,
        "",
    ) = (&patch, exists, call.target.subresource.as_str())
    {
        match create_by_apply(call, object, manager).await {
            // Somebody else was faster: apply to what they made.
            Err(failure) if failure.reason == Reason::AlreadyExists => {}
            outcome => return outcome,
        }
    }
    for attempt in 1.. {
        let old = Fixed::load(call)?;
        let changed = changed(call, &patch, &old)?;
        let pinned =
            changed.text(&["metadata", "resourceVersion"]) != old.record.revision.to_string();
        let (changed, warnings) = body::check(call, changed)?;
        match commit_update(call, &old, changed, warnings).await {
            Err(failure) if failure.reason == Reason::Conflict && !pinned && attempt < ATTEMPTS => {
            }
            outcome => return outcome,
        }
    }
    Err(Failure::modified(call.kind(), call.name()?))
}

async fn create_by_apply(call: &Call, object: &Object, manager: &str) -> Result<Written, Failure> {
    let name = call.name()?;
    if object.name() != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            object.name()
        )));
    }
    if !object.uid().is_empty() {
        return Err(Failure::conflict(
            call.kind(),
            name,
            &format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: ",
                object.uid()
            ),
        ));
    }
    let (object, warnings) = body::check(call, object.clone())?;
    let moment = crate::object::timestamp(call.state.now());
    let applied = facts::apply(
        call.kind(),
        call.version(),
        None,
        &object,
        manager,
        "",
        &moment,
    )
    .map_err(Failure::bad_request)?;
    finish_create(call, applied, warnings).await
}

/// The object after the patch, in the version of the path.
fn changed(call: &Call, patch: &Patch, old: &Fixed) -> Result<Object, Failure> {
    let served = old.served(call);
    let mut value = Value::Object(served.0);
    match patch {
        Patch::Json(operations) => {
            json_patch::patch(&mut value, operations).map_err(|error| {
                let message = format!(
                    "the server rejected our request due to an error in our request: {error}"
                );
                Failure::new(Reason::Invalid, message)
            })?;
        }
        Patch::Merge(patch) => json_patch::merge(&mut value, patch),
        Patch::Strategic(patch) => {
            value = facts::strategic(call.kind(), call.version(), &value, patch)
                .map_err(Failure::bad_request)?;
        }
        Patch::Apply {
            object, manager, ..
        } => {
            let Value::Object(live) = value else {
                return Err(Failure::internal("the stored object is no object"));
            };
            let moment = crate::object::timestamp(call.state.now());
            let (object, _) = body::check(call, object.clone())?;
            return facts::apply(
                call.kind(),
                call.version(),
                Some(&Object(live)),
                &object,
                manager,
                &call.target.subresource,
                &moment,
            )
            .map_err(Failure::bad_request);
        }
    }
    match value {
        Value::Object(map) => Ok(Object(map)),
        _ => Err(Failure::bad_request("the patch does not leave an object")),
    }
}
