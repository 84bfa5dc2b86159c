//! What creation and change have in common: from a decoded body to a committed object.

use std::sync::Arc;

use http::StatusCode;
use seatrial_store::{Change as StoreChange, Draft, Expect, Key, Record, Write};
use serde_json::{Value, json};

use super::Written;
use crate::admission::{Change, Operation};
use crate::call::{Call, OBJECT_LIMIT};
use crate::facts;
use crate::failure::{Cause, Failure, Reason};
use crate::name;
use crate::object::{Object, timestamp};
use crate::registry::{Conversion, Generation};
use crate::state::decode;

/// How often another generated name is tried when one is taken.
const NAME_ATTEMPTS: usize = 8;

/// The object before a change.
pub(crate) struct Fixed {
    /// As stored.
    pub(crate) record: Arc<Record>,
    /// Decoded, in the stored form.
    pub(crate) object: Object,
}

impl Fixed {
    /// The present state of the object that `call` names.
    pub(crate) fn load(call: &Call) -> Result<Self, Failure> {
        let record = call
            .state
            .find(call.kind(), &call.target.namespace, call.name()?)?;
        let object = decode(&record)?;
        Ok(Self { record, object })
    }

    /// The object in the version that the path names.
    pub(crate) fn served(&self, call: &Call) -> Object {
        let mut object = self.object.clone();
        match call.kind().conversion {
            Conversion::Rename => {
                set_version(&mut object, &call.kind().api_version(call.version()))
            }
            Conversion::Convert { to_served, .. } => to_served(&mut object),
        }
        object
    }
}

fn set_version(object: &mut Object, version: &str) {
    object.0.insert("apiVersion".to_owned(), json!(version));
}

/// Checks that the body is of the kind and version of the path, and turns it into the stored form.
fn to_stored(call: &Call, object: &mut Object) -> Result<(), Failure> {
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
    match kind.conversion {
        Conversion::Rename => set_version(object, &kind.stored_as),
        Conversion::Convert { to_stored, .. } => {
            set_version(object, &expected);
            to_stored(object);
        }
    }
    Ok(())
}

/// Checks that the body is about the namespace of the path, and sets it.
fn place(call: &Call, object: &mut Object) -> Result<(), Failure> {
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

/// A namespace must exist, and not be going, for something to be made in it.
fn namespace_accepts(call: &Call, object: &Object) -> Result<(), Failure> {
    let name = call.target.namespace.as_str();
    if name.is_empty() {
        return Ok(());
    }
    let record = match call.state.registry().get("", "namespaces") {
        Some(namespaces) => call.state.find(namespaces, "", name)?,
        None => return Err(Failure::internal("namespaces are not served")),
    };
    if !record.metadata.deleting {
        return Ok(());
    }
    let detail =
        format!("unable to create new content in namespace {name} because it is being terminated");
    let cause = Cause::new(
        "NamespaceTerminating",
        "metadata.namespace",
        format!("namespace {name} is being terminated"),
    );
    Err(Failure::forbidden(call.kind(), object.name(), &detail).with_causes(vec![cause]))
}

fn invalid_if_any(call: &Call, object: &Object, causes: Vec<Cause>) -> Result<(), Failure> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(call.kind(), object.name(), causes))
}

/// Stores a new object. `object` is the body, with unknown fields dealt with.
pub(crate) async fn finish_create(
    call: &Call,
    mut object: Object,
    mut warnings: Vec<String>,
) -> Result<Written, Failure> {
    if call.kind().namespaced() && call.target.namespace.is_empty() {
        return Err(Failure::method_not_allowed());
    }
    to_stored(call, &mut object)?;
    place(call, &mut object)?;
    if !object.text(&["metadata", "resourceVersion"]).is_empty() {
        return Err(Failure::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    namespace_accepts(call, &object)?;
    facts::default(call.kind(), &mut object);
    let prefix = object.text(&["metadata", "generateName"]).to_owned();
    let generated = object.name().is_empty() && !prefix.is_empty();
    for attempt in 1.. {
        let mut candidate = object.clone();
        if generated {
            // Upstream cuts the prefix so that the name stays within a label.
            let cut = prefix.char_indices().map(|(at, _)| at).find(|&at| at >= 58);
            let name = format!(
                "{}{}",
                &prefix[..cut.unwrap_or(prefix.len())],
                call.state.random.suffix(5)
            );
            candidate.metadata().insert("name".to_owned(), json!(name));
        }
        match create_once(call, candidate, &mut warnings).await {
            Err(failure)
                if generated
                    && failure.reason == Reason::AlreadyExists
                    && attempt < NAME_ATTEMPTS => {}
            outcome => {
                return outcome.map(|bytes| Written {
                    code: StatusCode::CREATED,
                    bytes,
                    warnings,
                });
            }
        }
    }
    Err(Failure::internal("no free name was found"))
}

async fn create_once(
    call: &Call,
    mut object: Object,
    warnings: &mut Vec<String>,
) -> Result<bytes::Bytes, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let dry_run = call.dry_run()?;
    let metadata = object.metadata();
    for field in [
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), json!(state.random.uuid()));
    metadata.insert(
        "creationTimestamp".to_owned(),
        json!(timestamp(state.now())),
    );
    if kind.generation == Generation::Counted {
        metadata.insert("generation".to_owned(), json!(1));
    }
    if kind.has_status(call.version()) && !kind.strategy.keeps_status() {
        object.0.remove("status");
    }
    // The name comes first: what follows may put it into the object.
    invalid_if_any(call, &object, name::check(&object, kind.names))?;
    kind.strategy.prepare_create(state, &mut object)?;
    let outcome = async {
        let change = Change {
            operation: Operation::Create,
            kind,
            subresource: "",
            identity: &call.identity,
            old: None,
            dry_run,
        };
        admit(call, &change, &mut object, warnings, |object| {
            [
                facts::validate(kind, object),
                kind.strategy.validate(object),
            ]
            .concat()
        })
        .await?;
        let draft = draft(&object)?;
        let key = Key::new(
            Arc::clone(&kind.resource),
            object.namespace(),
            object.name(),
        );
        if dry_run {
            return match state.store.get(&key) {
                Some(_) => Err(Failure::already_exists(kind, object.name())),
                None => Ok(draft.fill(0)),
            };
        }
        let metadata = object.selectable(&kind.selectable);
        let change = StoreChange::Put { draft, metadata };
        let record = state
            .commit(
                kind,
                Write {
                    key,
                    expect: Expect::Absent,
                    change,
                },
            )
            .await?;
        Ok(record.bytes.clone())
    }
    .await;
    match &outcome {
        Ok(_) if !dry_run => kind.strategy.committed(state, kind, Some(&object), None),
        _ => kind.strategy.abandoned(state, &object, None),
    }
    outcome
}

/// Passes `object` through the admission chain, with the built-in validation in the middle.
async fn admit(
    call: &Call,
    change: &Change<'_>,
    object: &mut Object,
    warnings: &mut Vec<String>,
    check: impl FnOnce(&Object) -> Vec<Cause>,
) -> Result<(), Failure> {
    for step in &call.state.admission {
        warnings.extend(step.mutate(change, object).await?);
    }
    invalid_if_any(call, object, check(object))?;
    for step in &call.state.admission {
        warnings.extend(step.validate(change, object).await?);
    }
    Ok(())
}

fn draft(object: &Object) -> Result<Draft, Failure> {
    let draft = object.draft();
    if draft.len() > OBJECT_LIMIT {
        return Err(Failure::too_large(OBJECT_LIMIT));
    }
    Ok(draft)
}

/// Stores a changed object. `object` is the wanted state in the version of the path; what a client
/// may not change is taken from `old`.
///
/// Guarantees: nothing is written where nothing changes, so that a client that writes its wish again
/// and again makes no events; a write is made only over the state that `old` holds.
pub(crate) async fn commit_update(
    call: &Call,
    old: &Fixed,
    mut object: Object,
    mut warnings: Vec<String>,
) -> Result<Written, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let dry_run = call.dry_run()?;
    to_stored(call, &mut object)?;
    place(call, &mut object)?;
    same_object(call, &old.object, &object, old.record.revision)?;
    keep_system_metadata(&mut object, &old.object);
    let part = call.target.subresource.as_str();
    separate_status(call, &mut object, &old.object);
    facts::default(kind, &mut object);
    if part.is_empty() {
        kind.strategy
            .prepare_update(state, &mut object, &old.object)?;
    }
    count_generation(call, &mut object, &old.object);
    let outcome = async {
        let change = Change {
            operation: Operation::Update,
            kind,
            subresource: part,
            identity: &call.identity,
            old: Some(&old.object),
            dry_run,
        };
        admit(call, &change, &mut object, &mut warnings, |object| {
            if part != "" {
                return facts::validate(kind, object);
            }
            [
                name::check(object, kind.names),
                facts::validate(kind, object),
                kind.strategy.validate(object),
                kind.strategy.validate_update(object, &old.object),
            ]
            .concat()
        })
        .await?;
        if object == old.object {
            return Ok(old.record.bytes.clone());
        }
        let draft = draft(&object)?;
        if dry_run {
            return Ok(draft.fill(old.record.revision));
        }
        let change = if gone(call, &object) {
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
        let record = state.commit(kind, write).await?;
        Ok(record.bytes.clone())
    }
    .await;
    match &outcome {
        Ok(_) if !dry_run => {
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
    if !given.is_empty() && given != revision.to_string() {
        return Err(Failure::modified(call.kind(), name));
    }
    Ok(())
}

/// What only the server sets.
fn keep_system_metadata(object: &mut Object, old: &Object) {
    const KEPT: [&str; 8] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    for field in KEPT {
        match old.at(&["metadata", field]) {
            Some(value) => {
                object.metadata().insert(field.to_owned(), value.clone());
            }
            None => {
                object.metadata().remove(field);
            }
        }
    }
    object.metadata().remove("selfLink");
    if object.at(&["metadata", "managedFields"]).is_none()
        && let Some(fields) = old.at(&["metadata", "managedFields"])
    {
        object
            .metadata()
            .insert("managedFields".to_owned(), fields.clone());
    }
}

/// The object's own path leaves its status alone, and the status's path everything else.
fn separate_status(call: &Call, object: &mut Object, old: &Object) {
    let restore = |object: &mut Object, field: &str| match old.0.get(field) {
        Some(value) => {
            object.0.insert(field.to_owned(), value.clone());
        }
        None => {
            object.0.remove(field);
        }
    };
    match call.target.subresource.as_str() {
        "" if call.kind().has_status(call.version()) => restore(object, "status"),
        "status" => {
            // The metadata of built-in kinds may change with their status; that of custom ones not.
            let keeps = |field: &str| match field {
                "status" | "apiVersion" | "kind" => false,
                "metadata" => !call.kind().built_in(),
                _ => true,
            };
            let fields: Vec<String> = object
                .0
                .keys()
                .chain(old.0.keys())
                .filter(|field| keeps(field))
                .cloned()
                .collect();
            let managed = object.at(&["metadata", "managedFields"]).cloned();
            for field in fields {
                restore(object, &field);
            }
            if let Some(managed) = managed {
                object
                    .metadata()
                    .insert("managedFields".to_owned(), managed);
            }
        }
        _ => {}
    }
}

/// The generation counts changes of what the user wants: everything but metadata, and but the status
/// where that has a path of its own.
fn count_generation(call: &Call, object: &mut Object, old: &Object) {
    if call.kind().generation == Generation::Unset || call.target.subresource == "status" {
        return;
    }
    let own_status = call.kind().has_status(call.version());
    let counted = |field: &str| field != "metadata" && !(own_status && field == "status");
    let same = |one: &Object, other: &Object| {
        one.0
            .iter()
            .filter(|(field, _)| counted(field))
            .all(|(field, value)| other.0.get(field) == Some(value))
    };
    if !same(object, old) || !same(old, object) {
        let next = old.generation() + 1;
        object
            .metadata()
            .insert("generation".to_owned(), json!(next));
    }
}
