//! Replacing an object.

use bytes::Bytes;
use http::StatusCode;
use seatrial_store::{Change as StoreChange, Expect, Write};
use serde_json::Value;

use super::keep::{count_generation, keep_system_metadata, separate_status};
use super::write::{draft, place, to_stored};
use super::{Fixed, Written, pod_part};
use crate::admission::{Notes, Operation, Passage, conclude};
use crate::body;
use crate::call::Call;
use crate::facts;
use crate::failure::{Cause, Failure, Reason};
use crate::name;
use crate::object::Object;
use crate::ownership;

/// How often a change without a revision is tried again when others are faster.
pub(super) const ATTEMPTS: usize = 5;

pub(super) async fn update(call: &Call) -> Result<Written, Failure> {
    let (object, warnings) = body::checked(call)?;
    let pinned = !object.text(&["metadata", "resourceVersion"]).is_empty();
    if !pinned && !call.kind().built_in() {
        let detail = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", 0, detail);
        return Err(Failure::invalid(call.kind(), call.name()?, vec![cause]));
    }
    for attempt in 1.. {
        let old = Fixed::load(call).await?;
        match commit_update(call, &old, object.clone(), warnings.clone()).await {
            Err(failure) if failure.reason == Reason::Conflict && !pinned && attempt < ATTEMPTS => {
            }
            outcome => return outcome,
        }
    }
    Err(Failure::modified(call.kind(), call.name()?))
}

/// Stores a changed object. `object` is the wanted state in the version of the path; what a client
/// may not change is taken from `old`.
///
/// Guarantees: nothing is written where nothing changes, so that a client that writes its wish again
/// and again makes no events; a write is made only over the state that `old` holds.
pub(crate) async fn commit_update(
    call: &Call,
    old: &Fixed,
    object: Object,
    mut warnings: Vec<String>,
) -> Result<Written, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let dry_run = call.dry_run()?;
    let mut object = complete(call, old, object).await?;
    let outcome = store_changed(call, old, &mut object, &mut warnings, dry_run).await;
    match &outcome {
        Ok(_) if !dry_run && object != old.object => {
            let left = (!gone(call, &object)).then_some(&object);
            kind.strategy
                .committed(state, kind, left, Some(&old.object));
            if left.is_none() {
                crate::custom::object_gone(state, kind).await;
            }
        }
        _ => kind.strategy.abandoned(state, &object, Some(&old.object)),
    }
    outcome.map(|bytes| Written {
        code: StatusCode::OK,
        bytes,
        warnings,
    })
}

/// The wanted state in the stored form, with what a client may not change as it was.
async fn complete(call: &Call, old: &Fixed, mut object: Object) -> Result<Object, Failure> {
    let kind = call.kind();
    to_stored(call, &mut object).await?;
    place(call, &mut object)?;
    same_object(call, &old.object, &object, old.record.revision)?;
    keep_system_metadata(&mut object, &old.object);
    separate_status(call, &mut object, &old.object);
    facts::default(kind, &mut object);
    ownership::changed(call, &mut object, &old.object)?;
    if call.target.subresource.is_empty() {
        kind.strategy
            .prepare_update(&call.state, &mut object, &old.object)?;
    }
    count_generation(call, &mut object, &old.object);
    Ok(object)
}

/// What is wrong with the changed object.
fn wrong(call: &Call, object: &mut Object, old: &Object) -> Vec<Cause> {
    let kind = call.kind();
    let by_schema = facts::validate(kind, object, Some(old));
    if call.target.subresource == "ephemeralcontainers" {
        return [by_schema, pod_part::check_ephemeral(object, old)].concat();
    }
    // The rules of what may change are those of the object's own path.
    if !call.target.subresource.is_empty() {
        return by_schema;
    }
    [
        name::check(object, kind.names),
        new_finalizers(object, old),
        by_schema,
        kind.strategy.validate(object),
        facts::validate_change(kind, object, old),
        kind.strategy.validate_update(object, old),
    ]
    .concat()
}

/// Admits, checks and, where something changes and it is no dry run, stores.
async fn store_changed(
    call: &Call,
    old: &Fixed,
    object: &mut Object,
    warnings: &mut Vec<String>,
    dry_run: bool,
) -> Result<Bytes, Failure> {
    let (notes, name) = (Notes::default(), call.name()?);
    let operation = Operation::Update;
    let passage = Passage::begin(call, operation, name, Some(&old.object), dry_run, &notes);
    let admitted = passage.admit(object, |object| {
        // A step may have changed what only the server changes, or what counts as a new generation.
        let fields = object.metadata().remove("managedFields");
        keep_system_metadata(object, &old.object);
        match fields {
            Some(fields) => object.metadata().insert("managedFields".to_owned(), fields),
            None => object.metadata().remove("managedFields"),
        };
        count_generation(call, object, &old.object);
        wrong(call, object, &old.object)
    });
    let stored = match admitted.await {
        Ok(()) => store_admitted(call, &passage, old, object).await,
        Err(failure) => Err(failure),
    };
    warnings.extend(conclude(call, notes));
    stored
}

/// Stores what was admitted, where something changes and it is no dry run.
async fn store_admitted(
    call: &Call,
    passage: &Passage<'_>,
    old: &Fixed,
    object: &Object,
) -> Result<Bytes, Failure> {
    let kind = call.kind();
    if facts::unchanged(&old.object, object) {
        return Ok(old.record.bytes.clone());
    }
    let draft = draft(object)?;
    let left = (!gone(call, object)).then_some(object);
    if call.dry_run()? {
        passage.rehearse(left).await?;
        return Ok(draft.fill(old.record.revision));
    }
    let change = if left.is_none() {
        StoreChange::Delete { draft }
    } else {
        StoreChange::Put {
            draft,
            metadata: object.selectable(&kind.selectable),
        }
    };
    let expect = Expect::Revision(old.record.revision);
    let write = Write {
        key: old.record.key.clone(),
        expect,
        change,
    };
    let record = passage.commit(write, left).await?;
    Ok(record.bytes.clone())
}

/// What is being deleted takes no new finalizers.
fn new_finalizers(object: &Object, old: &Object) -> Vec<Cause> {
    let known = old.finalizers();
    if !old.deleting() || object.finalizers().iter().all(|one| known.contains(one)) {
        return Vec::new();
    }
    let detail = "no new finalizers can be added if the object is being deleted";
    vec![Cause::forbidden("metadata.finalizers", detail)]
}

/// Whether the object was being deleted and nothing holds it any more.
fn gone(call: &Call, object: &Object) -> bool {
    let grace = object
        .at(&["metadata", "deletionGracePeriodSeconds"])
        .and_then(Value::as_i64);
    object.deleting()
        && object.finalizers().is_empty()
        && grace.unwrap_or_default() == 0
        && !call.kind().strategy.held(object)
}

fn same_object(call: &Call, old: &Object, new: &Object, revision: u64) -> Result<(), Failure> {
    let name = call.name()?;
    if !new.name().is_empty() && new.name() != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            new.name()
        )));
    }
    if !new.uid().is_empty() && new.uid() != old.uid() {
        let detail = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            new.uid(),
            old.uid()
        );
        return Err(Failure::conflict(call.kind(), name, &detail));
    }
    let given = new.text(&["metadata", "resourceVersion"]);
    // Upstream takes 0 for no wish.
    if !matches!(given, "" | "0") && given != revision.to_string() {
        return Err(Failure::modified(call.kind(), name));
    }
    Ok(())
}
