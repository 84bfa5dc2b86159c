//! Changing an object by a patch.

use serde_json::Value;

use super::update::ATTEMPTS;
use super::{Fixed, Written, commit_update, finish_create};
use crate::body::{self, Document};
use crate::call::Call;
use crate::facts::{self, Applier};
use crate::failure::{Failure, Reason};
use crate::object::{Object, timestamp};
use crate::ownership;

/// The four kinds of patches.
enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply(Apply),
}

/// A server-side apply.
struct Apply {
    /// What the manager wants, with its fields checked.
    object: Object,
    warnings: Vec<String>,
}

const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, \
    application/strategic-merge-patch+json, application/apply-patch+yaml";
const ACCEPTED_CUSTOM: &str = "application/json-patch+json, application/merge-patch+json, \
    application/apply-patch+yaml";

fn read(call: &Call) -> Result<Patch, Failure> {
    match body::media_type(call).as_str() {
        "application/json-patch+json" => body::patch(call).map(Patch::Json),
        "application/merge-patch+json" => body::patch(call).map(Patch::Merge),
        "application/strategic-merge-patch+json" if call.kind().built_in() => {
            body::patch(call).map(Patch::Strategic)
        }
        ownership::APPLY => read_apply(call).map(Patch::Apply),
        _ if call.kind().built_in() => Err(body::unsupported(ACCEPTED)),
        _ => Err(body::unsupported(ACCEPTED_CUSTOM)),
    }
}

fn read_apply(call: &Call) -> Result<Apply, Failure> {
    let name = call.name()?;
    let document = body::applied(call)?;
    for field in ["apiVersion", "kind"] {
        if document.object.text(&[field]).is_empty() {
            return Err(Failure::bad_request(format!(
                "invalid object type: {field} must be set"
            )));
        }
    }
    if !document.object.name().is_empty() && document.object.name() != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            document.object.name()
        )));
    }
    let (mut object, warnings) = body::check_applied(call, document)?;
    keep_own_part(call, &mut object);
    if object
        .at(&["metadata", "managedFields"])
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    Ok(Apply { object, warnings })
}

/// Drops what the path cannot change, so that the manager does not come to own it: the status on the
/// object's own path, and everything else on the status's.
fn keep_own_part(call: &Call, object: &mut Object) {
    match call.target.subresource.as_str() {
        "" if call.kind().has_status(call.version()) => {
            object.0.remove("status");
        }
        "status" => {
            object.0.retain(|field, _| {
                matches!(
                    field.as_str(),
                    "apiVersion" | "kind" | "metadata" | "status"
                )
            });
            if !call.kind().built_in() {
                object.metadata().retain(|field, _| {
                    matches!(
                        field.as_str(),
                        "name" | "namespace" | "uid" | "resourceVersion"
                    )
                });
            }
        }
        _ => {}
    }
}

pub(super) async fn patch(call: &Call) -> Result<Written, Failure> {
    let patch = read(call)?;
    let exists = call
        .state
        .record(call.kind(), &call.target.namespace, call.name()?)
        .is_some();
    if let (Patch::Apply(apply), false, "") = (&patch, exists, call.target.subresource.as_str()) {
        match create_by_apply(call, apply).await {
            // Somebody else was faster: apply to what they made.
            Err(failure) if failure.reason == Reason::AlreadyExists => {}
            outcome => return outcome,
        }
    }
    for attempt in 1.. {
        let old = Fixed::load(call).await?;
        let (changed, warnings) = changed(call, &patch, &old).await?;
        // A patch that names a revision must not be tried against another.
        let pinned =
            changed.text(&["metadata", "resourceVersion"]) != old.record.revision.to_string();
        match commit_update(call, &old, changed, warnings).await {
            Err(failure) if failure.reason == Reason::Conflict && !pinned && attempt < ATTEMPTS => {
            }
            outcome => return outcome,
        }
    }
    Err(Failure::modified(call.kind(), call.name()?))
}

async fn create_by_apply(call: &Call, apply: &Apply) -> Result<Written, Failure> {
    let uid = apply.object.uid();
    if !uid.is_empty() {
        let detail =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: ");
        return Err(Failure::conflict(call.kind(), call.name()?, &detail));
    }
    // Who may only change may not make.
    let path = call.target.attributes("create");
    crate::access::require(&call.state, &call.identity, &path)?;
    let mut object = merge_applied(call, apply, None)?;
    object
        .metadata()
        .insert("name".to_owned(), call.name()?.into());
    finish_create(call, object, apply.warnings.clone()).await
}

fn merge_applied(call: &Call, apply: &Apply, live: Option<&Object>) -> Result<Object, Failure> {
    let applier = Applier {
        manager: &ownership::manager(call),
        subresource: &call.target.subresource,
        moment: &timestamp(call.state.now()),
        force: call.flag("force") == Some(true),
        reset: &ownership::reset(call, live.map(|live| &live.0)),
    };
    facts::apply(call.kind(), call.version(), live, &apply.object, &applier)
}

/// The object after the patch, in the version of the path, with warnings.
async fn changed(
    call: &Call,
    patch: &Patch,
    old: &Fixed,
) -> Result<(Object, Vec<String>), Failure> {
    let served = old.served(call).await?;
    if let Patch::Apply(apply) = patch {
        let object = merge_applied(call, apply, Some(&served))?;
        return Ok((object, apply.warnings.clone()));
    }
    let mut value = Value::Object(served.0);
    match patch {
        Patch::Json(operations) => facts::json_patch(&mut value, operations)?,
        Patch::Merge(wanted) => facts::merge_patch(&mut value, wanted),
        Patch::Strategic(wanted) => {
            facts::strategic(call.kind(), call.version(), &mut value, wanted)?;
        }
        Patch::Apply(_) => {}
    }
    match value {
        Value::Object(map) => body::check(
            call,
            Document {
                object: Object(map),
                duplicates: Vec::new(),
            },
        ),
        _ => Err(Failure::bad_request("the patch does not leave an object")),
    }
}
