//! Removing objects: at once, or by marking them until whatever holds them lets go.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use seatrial_store::{Change as StoreChange, Expect, Write};
use serde_json::{Value, json};

use super::{Fixed, Written, list};
use crate::admission::{Notes, Operation, Passage};
use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::{Object, timestamp};
use crate::registry::{Generation, Kind};
use crate::reply;

/// How often a deletion is tried again when the object changes meanwhile.
const ATTEMPTS: usize = 5;

/// The resources whose deletion upstream answers with the object (its `ReturnDeletedObject`).
const ANSWERED_WITH_OBJECT: &[&str] = &[
    "csidrivers.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "deviceclasses.resource.k8s.io",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "resourcequotas",
    "resourceslices.resource.k8s.io",
    "serviceaccounts",
    "services",
    "storageclasses.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "volumeattributesclasses.storage.k8s.io",
];

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What happens to the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Propagation {
    /// They are collected afterwards.
    Background,
    /// They go first.
    Foreground,
    /// They stay.
    Orphan,
}

/// `metav1.DeleteOptions`, from the body or the query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    grace: Option<i64>,
    propagation: Option<Propagation>,
    uid: Option<String>,
    revision: Option<String>,
    dry_run: bool,
}

impl Options {
    pub(crate) fn read(call: &Call) -> Result<Self, Failure> {
        Self::from(call, &body::options(call)?)
    }

    /// From options that came within another body (an eviction).
    pub(crate) fn from(call: &Call, body: &Object) -> Result<Self, Failure> {
        let text = |field: &str| {
            let text = body.text(&[field]);
            if text.is_empty() {
                call.parameter(field)
            } else {
                Some(text)
            }
        };
        let orphan = body
            .at(&["orphanDependents"])
            .and_then(Value::as_bool)
            .or_else(|| call.flag("orphanDependents"));
        let propagation = match (text("propagationPolicy"), orphan) {
            (None, None) => None,
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some(other), _) => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"Background\", \
                     \"Foreground\", \"Orphan\""
                );
                let cause = Cause::new("FieldValueNotSupported", "propagationPolicy", message);
                return Err(Failure::invalid(call.kind(), "", vec![cause]));
            }
        };
        let precondition = |field: &str| {
            let text = body.text(&["preconditions", field]);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let in_body = body.at(&["dryRun"]).and_then(Value::as_array);
        Ok(Self {
            grace: match body.at(&["gracePeriodSeconds"]).and_then(Value::as_i64) {
                Some(seconds) => Some(seconds),
                None => call.number("gracePeriodSeconds")?,
            },
            propagation,
            uid: precondition("uid"),
            revision: precondition("resourceVersion"),
            dry_run: call.dry_run()? || in_body.is_some_and(|list| !list.is_empty()),
        })
    }
}

impl Options {
    /// Whether nothing shall be deleted in the end.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// What a deletion left behind.
pub(crate) enum Removed {
    /// The object is still there, marked.
    Marked(Bytes),
    /// It is gone; its last state.
    Gone(Bytes, Object),
}

pub(super) async fn delete(call: &Call) -> Result<Response, Failure> {
    let options = Options::read(call)?;
    let removed = remove(call, call.name()?, &options).await?;
    let written = |bytes| Written {
        code: StatusCode::OK,
        bytes,
        warnings: Vec::new(),
    };
    match removed {
        Removed::Marked(bytes) => written(bytes).response(call).await,
        Removed::Gone(bytes, _) if answers_with_object(call.kind()) => {
            written(bytes).response(call).await
        }
        Removed::Gone(_, object) => success(call, &object),
    }
}

/// Whether the reply to a deletion of this kind is the object rather than a status. Clients with typed
/// models rely on it.
fn answers_with_object(kind: &Kind) -> bool {
    kind.built_in() && ANSWERED_WITH_OBJECT.contains(&&*kind.resource)
}

fn success(call: &Call, object: &Object) -> Result<Response, Failure> {
    let kind = call.kind();
    let mut details = json!({ "name": object.name(), "kind": kind.plural, "uid": object.uid() });
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    });
    let form = call.form.for_status();
    reply::encoded(&form, StatusCode::OK, status.to_string().into())
}

pub(super) async fn delete_collection(call: &Call) -> Result<Response, Failure> {
    let options = Options::read(call)?;
    let mut listed = list::select(call).await?;
    for record in &listed.items {
        let mut one = Call {
            state: std::sync::Arc::clone(&call.state),
            target: call.target.clone(),
            method: call.method.clone(),
            headers: call.headers.clone(),
            query: call.query.clone(),
            identity: call.identity.clone(),
            form: call.form.clone(),
            body: Bytes::new(),
            annotations: call.annotations.clone(),
            streaming: crate::stream::Streaming::default(),
        };
        one.target.namespace = record.key.namespace.to_string();
        one.target.name = Some(record.key.name.to_string());
        match remove(&one, &record.key.name, &options).await {
            Err(failure) if failure.reason != Reason::NotFound => return Err(failure),
            // Gone already: that is what was asked for.
            _ => {}
        }
    }
    listed.items = crate::custom::conversion::served_records(call, listed.items).await?;
    listed.reply(call).await
}

/// Deletes the object `name` of the call's kind and namespace, as far as it can be deleted now.
pub(crate) async fn remove(call: &Call, name: &str, options: &Options) -> Result<Removed, Failure> {
    for attempt in 1.. {
        match remove_once(call, name, options).await {
            Err(failure)
                if failure.reason == Reason::Conflict
                    && failure.message.contains("the object has been modified")
                    && options.revision.is_none()
                    && attempt < ATTEMPTS => {}
            outcome => return outcome,
        }
    }
    Err(Failure::modified(call.kind(), name))
}

async fn remove_once(call: &Call, name: &str, options: &Options) -> Result<Removed, Failure> {
    let record = call.state.find(call.kind(), &call.target.namespace, name)?;
    let object = crate::state::decode(&record)?;
    let old = Fixed { record, object };
    let notes = Notes::default();
    let passage = Passage::begin(
        call,
        Operation::Delete,
        name,
        Some(&old.object),
        options.dry_run,
        &notes,
    );
    may_go(call, name, options, &old, &passage).await?;
    let marked = mark(call, options, &old.object);
    let grace = marked
        .at(&["metadata", "deletionGracePeriodSeconds"])
        .and_then(Value::as_i64);
    let stays = !marked.finalizers().is_empty()
        || call.kind().strategy.held(&marked)
        || grace.unwrap_or_default() > 0;
    match (stays, options.dry_run) {
        (true, dry_run) if dry_run || marked == old.object => {
            Ok(Removed::Marked(old.record.bytes.clone()))
        }
        (true, _) => keep_marked(call, &old, marked).await,
        (false, true) => Ok(Removed::Gone(old.record.bytes.clone(), marked)),
        (false, false) => {
            let bytes = let_go(call, &old, &passage).await?;
            Ok(Removed::Gone(bytes, old.object))
        }
    }
}

/// Whether preconditions, the kind and the admission chain allow the deletion.
async fn may_go(
    call: &Call,
    name: &str,
    options: &Options,
    old: &Fixed,
    passage: &Passage<'_>,
) -> Result<(), Failure> {
    check_preconditions(call, name, options, old)?;
    if let Some(reason) = call.kind().strategy.immortal(&old.object) {
        return Err(Failure::forbidden(call.kind(), name, reason));
    }
    passage.admit_deletion(&old.object).await
}

/// Stores that the deletion has begun.
async fn keep_marked(call: &Call, old: &Fixed, marked: Object) -> Result<Removed, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let metadata = marked.selectable(&kind.selectable);
    let change = StoreChange::Put {
        draft: marked.draft(),
        metadata,
    };
    let expect = Expect::Revision(old.record.revision);
    let record = state
        .commit(
            kind,
            Write {
                key: old.record.key.clone(),
                expect,
                change,
            },
        )
        .await?;
    kind.strategy
        .committed(state, kind, Some(&marked), Some(&old.object));
    crate::custom::definition_marked(call, &marked).await;
    Ok(Removed::Marked(record.bytes.clone()))
}

/// Removes the object.
async fn let_go(call: &Call, old: &Fixed, passage: &Passage<'_>) -> Result<Bytes, Failure> {
    let (state, kind) = (&call.state, call.kind());
    let change = StoreChange::Delete {
        draft: old.object.draft(),
    };
    let expect = Expect::Revision(old.record.revision);
    let write = Write {
        key: old.record.key.clone(),
        expect,
        change,
    };
    let record = passage.commit(write, None).await?;
    kind.strategy
        .committed(state, kind, None, Some(&old.object));
    crate::custom::object_gone(state, kind).await;
    Ok(record.bytes.clone())
}

fn check_preconditions(
    call: &Call,
    name: &str,
    options: &Options,
    old: &Fixed,
) -> Result<(), Failure> {
    let differs = |what: &str, wanted: &str, found: &str| {
        let detail = format!(
            "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
        );
        Err(Failure::conflict(call.kind(), name, &detail))
    };
    match (&options.uid, &options.revision) {
        (Some(uid), _) if uid != old.object.uid() => differs("UID", uid, old.object.uid()),
        (_, Some(revision)) if *revision != old.record.revision.to_string() => differs(
            "ResourceVersion",
            revision,
            &old.record.revision.to_string(),
        ),
        _ => Ok(()),
    }
}

/// The object with its finalizers settled and its deletion begun.
fn mark(call: &Call, options: &Options, old: &Object) -> Object {
    let kind = call.kind();
    let mut object = old.clone();
    if let Some(propagation) = options.propagation {
        let mut finalizers: Vec<String> = old
            .finalizers()
            .into_iter()
            .filter(|finalizer| !matches!(*finalizer, ORPHAN | FOREGROUND))
            .map(str::to_owned)
            .collect();
        match propagation {
            Propagation::Background => {}
            Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
            Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
        }
        object.set_finalizers(finalizers);
    }
    let grace = kind.strategy.grace(&object, options.grace);
    let before = object
        .at(&["metadata", "deletionGracePeriodSeconds"])
        .and_then(Value::as_i64);
    if object.deleting() {
        // A second deletion can only hasten the first.
        if before.is_some_and(|before| grace < before) {
            set_grace(call, &mut object, grace);
        }
        return object;
    }
    set_grace(call, &mut object, grace);
    if kind.generation == Generation::Counted && object.generation() > 0 {
        let next = object.generation() + 1;
        object
            .metadata()
            .insert("generation".to_owned(), json!(next));
    }
    kind.strategy.prepare_delete(&mut object);
    object
}

fn set_grace(call: &Call, object: &mut Object, grace: i64) {
    let now = call.state.now();
    let moment = now
        .checked_add(jiff::SignedDuration::from_secs(grace))
        .unwrap_or(now);
    let metadata = object.metadata();
    metadata.insert("deletionTimestamp".to_owned(), json!(timestamp(moment)));
    metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
}
