//! Storing a new object.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use seatrial_store::{Change as StoreChange, Expect, Key, Write};
use serde_json::json;

use super::Written;
use super::write::{draft, invalid_if_any, place, to_stored};
use crate::admission::{Notes, Operation, Passage, conclude};
use crate::body;
use crate::call::Call;
use crate::facts;
use crate::failure::{Failure, Reason};
use crate::name;
use crate::object::{Object, timestamp};
use crate::ownership;
use crate::registry::Generation;

/// How often another generated name is tried when one is taken.
const NAME_ATTEMPTS: usize = 8;

/// The most letters of `generateName` that are used.
const LONGEST_PREFIX: usize = 58;

pub(super) async fn create(call: &Call) -> Result<Written, Failure> {
    let (object, warnings) = body::checked(call)?;
    finish_create(call, object, warnings).await
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
    to_stored(call, &mut object).await?;
    place(call, &mut object)?;
    if !object.text(&["metadata", "resourceVersion"]).is_empty() {
        return Err(Failure::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    facts::default(call.kind(), &mut object);
    ownership::created(call, &mut object)?;
    let prefix = object.text(&["metadata", "generateName"]).to_owned();
    let bytes = if object.name().is_empty() && !prefix.is_empty() {
        create_with_generated_name(call, &object, &prefix, &mut warnings).await?
    } else {
        create_once(call, object, &mut warnings).await?
    };
    Ok(Written {
        code: StatusCode::CREATED,
        bytes,
        warnings,
    })
}

async fn create_with_generated_name(
    call: &Call,
    object: &Object,
    prefix: &str,
    warnings: &mut Vec<String>,
) -> Result<Bytes, Failure> {
    // Upstream cuts the prefix so that the name stays within a label.
    let cut = prefix
        .char_indices()
        .map(|(at, _)| at)
        .find(|&at| at >= LONGEST_PREFIX);
    let prefix = &prefix[..cut.unwrap_or(prefix.len())];
    for attempt in 1.. {
        let mut candidate = object.clone();
        let name = format!("{prefix}{}", call.state.random.suffix(5));
        candidate.metadata().insert("name".to_owned(), json!(name));
        match create_once(call, candidate, warnings).await {
            Err(failure) if failure.reason == Reason::AlreadyExists && attempt < NAME_ATTEMPTS => {}
            outcome => return outcome,
        }
    }
    Err(Failure::internal("no free name was found"))
}

async fn create_once(
    call: &Call,
    object: Object,
    warnings: &mut Vec<String>,
) -> Result<Bytes, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let dry_run = call.dry_run()?;
    let mut object = begin(call, object)?;
    let outcome = store_new(call, &mut object, warnings, dry_run).await;
    match &outcome {
        Ok(_) if !dry_run => kind.strategy.committed(state, kind, Some(&object), None),
        _ => kind.strategy.abandoned(state, &object, None),
    }
    outcome
}

/// Gives a new object what only the server gives.
fn begin(call: &Call, mut object: Object) -> Result<Object, Failure> {
    let (state, kind) = (&call.state, call.kind());
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
        if let Some(status) = facts::initial_status(kind) {
            object.0.insert("status".to_owned(), status);
        }
    }
    // The name is checked first: what follows may put it into the object.
    invalid_if_any(call, &object, name::check(&object, kind.names))?;
    kind.strategy.prepare_create(state, &mut object)?;
    kind.strategy.sign(&mut object, &call.identity);
    Ok(object)
}

/// Admits, checks and, unless it is a dry run, stores.
async fn store_new(
    call: &Call,
    object: &mut Object,
    warnings: &mut Vec<String>,
    dry_run: bool,
) -> Result<Bytes, Failure> {
    let kind = call.kind();
    let (notes, name) = (Notes::default(), object.name().to_owned());
    let passage = Passage::begin(call, Operation::Create, &name, None, dry_run, &notes);
    let admitted = passage.admit(object, |object| {
        [
            facts::validate(kind, object, None),
            kind.strategy.validate(object),
        ]
        .concat()
    });
    let stored = match admitted.await {
        Ok(()) => store_admitted(call, &passage, object).await,
        Err(failure) => Err(failure),
    };
    warnings.extend(conclude(call, notes));
    stored
}

/// Stores what was admitted, unless it is a dry run.
async fn store_admitted(
    call: &Call,
    passage: &Passage<'_>,
    object: &Object,
) -> Result<Bytes, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let draft = draft(object)?;
    let key = Key::new(
        Arc::clone(&kind.resource),
        object.namespace(),
        object.name(),
    );
    if call.dry_run()? {
        passage.rehearse(Some(object)).await?;
        return match state.store.get(&key) {
            Some(_) => Err(Failure::already_exists(kind, object.name())),
            None => Ok(object.unstored()),
        };
    }
    let metadata = object.selectable(&kind.selectable);
    let change = StoreChange::Put { draft, metadata };
    let write = Write {
        key,
        expect: Expect::Absent,
        change,
    };
    let record = passage.commit(write, Some(object)).await?;
    Ok(record.bytes.clone())
}
