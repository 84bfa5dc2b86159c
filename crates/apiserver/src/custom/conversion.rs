//! Conversion of custom objects between versions by a webhook
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion>).
//!
//! Everything else of the server sees objects in their stored form or in the form that the path names; here, at the two edges, one
//! becomes the other. A kind without a webhook passes through untouched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seatrial_schema::{Type, custom as structural};
use seatrial_store::Record;
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::object::Object;
use crate::outbound::{self, Peer};
use crate::registry::{Conversion, Kind, Origin, Version};
use crate::state::State;

/// How long a conversion may take (upstream's limit).
const TIMEOUT: Duration = Duration::from_secs(30);

/// Stored bytes in the version of the path.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn served(call: &Call, bytes: Bytes) -> Result<Bytes, Failure> {
    served_as(&call.state, call.kind(), call.version(), bytes).await
}

/// Stored bytes in a version.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn served_as(
    state: &State,
    kind: &Kind,
    version: &Version,
    bytes: Bytes,
) -> Result<Bytes, Failure> {
    if !by_webhook(version) {
        return defaulted(kind, version, bytes);
    }
    let object = Object::decode(&bytes).map_err(Failure::internal)?;
    let api_version = kind.api_version(version);
    // Boxed, so that what waits for any object, each watch foremost, has no room for a call that few make.
    let converted = Box::pin(convert(state, kind, &api_version, vec![object])).await?;
    let bytes = converted
        .first()
        .map(Object::as_stored)
        .ok_or_else(|| Failure::internal("a conversion gave nothing"))?;
    defaulted(kind, version, bytes)
}

/// The object with the defaults that the schema has gained since it was stored.
fn defaulted(kind: &Kind, version: &Version, bytes: Bytes) -> Result<Bytes, Failure> {
    let Origin::Custom(definition) = &kind.origin else {
        return Ok(bytes);
    };
    if !definition.has_defaults(&version.name) {
        return Ok(bytes);
    }
    let Type::Custom(schema) = definition.type_of(&version.name) else {
        return Ok(bytes);
    };
    let stored = Object::decode(&bytes).map_err(Failure::internal)?;
    let mut value = Value::Object(stored.0.clone());
    structural::default(&mut value, &schema);
    match value {
        Value::Object(map) if map != stored.0 => Ok(Object(map).as_stored()),
        _ => Ok(bytes),
    }
}

/// A stored object in the version of the path.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn served_object(call: &Call, object: Object) -> Result<Object, Failure> {
    let wanted = call.kind().api_version(call.version());
    let converted = convert(&call.state, call.kind(), &wanted, vec![object]).await?;
    converted
        .into_iter()
        .next()
        .ok_or_else(|| Failure::internal("a conversion gave nothing"))
}

/// Stored records in the version of the path.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn served_records(
    call: &Call,
    records: Vec<Arc<Record>>,
) -> Result<Vec<Arc<Record>>, Failure> {
    records_as(&call.state, call.kind(), call.version(), records).await
}

/// Stored records in a version.
///
/// # Errors
/// Where the webhook fails.
pub(super) async fn records_as(
    state: &State,
    kind: &Kind,
    version: &Version,
    records: Vec<Arc<Record>>,
) -> Result<Vec<Arc<Record>>, Failure> {
    if !by_webhook(version) {
        return defaulted_records(kind, version, records);
    }
    if records.is_empty() {
        return Ok(records);
    }
    let objects: Result<Vec<Object>, _> = records
        .iter()
        .map(|record| Object::decode(&record.bytes))
        .collect();
    let wanted = kind.api_version(version);
    let objects = objects.map_err(Failure::internal)?;
    let converted = convert(state, kind, &wanted, objects).await?;
    let pairs = records.iter().zip(&converted);
    let converted = pairs.map(|(record, object)| {
        Arc::new(Record {
            bytes: object.as_stored(),
            ..Record::clone(record)
        })
    });
    defaulted_records(kind, version, converted.collect())
}

fn defaulted_records(
    kind: &Kind,
    version: &Version,
    mut records: Vec<Arc<Record>>,
) -> Result<Vec<Arc<Record>>, Failure> {
    if matches!(&kind.origin, Origin::Custom(of) if of.has_defaults(&version.name)) {
        for record in &mut records {
            let bytes = defaulted(kind, version, record.bytes.clone())?;
            *record = Arc::new(Record {
                bytes,
                ..Record::clone(record)
            });
        }
    }
    Ok(records)
}

/// An object of the path's version in the stored one.
///
/// # Errors
/// Where the webhook fails.
pub(crate) async fn stored(call: &Call, object: Object) -> Result<Object, Failure> {
    stored_as(&call.state, call.kind(), call.version(), object).await
}

async fn stored_as(
    state: &State,
    kind: &Kind,
    version: &Version,
    object: Object,
) -> Result<Object, Failure> {
    if !by_webhook(version) {
        return Ok(object);
    }
    let converted = convert(state, kind, &kind.stored_as, vec![object]).await?;
    converted
        .into_iter()
        .next()
        .ok_or_else(|| Failure::internal("a conversion gave nothing"))
}

pub(super) fn by_webhook(version: &Version) -> bool {
    matches!(version.conversion, Conversion::Webhook)
}

/// Converts those objects that are not in the wanted version yet.
async fn convert(
    state: &State,
    kind: &Kind,
    wanted: &str,
    mut objects: Vec<Object>,
) -> Result<Vec<Object>, Failure> {
    let differs = |object: &Object| object.text(&["apiVersion"]) != wanted;
    let sent: Vec<Value> = objects
        .iter()
        .filter(|object| differs(object))
        .map(|object| Value::Object(object.0.clone()))
        .collect();
    let Some(first) = sent.first() else {
        return Ok(objects);
    };
    let from = first
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let failed = |problem: &str| {
        Failure::internal(format!(
            "conversion webhook for {from}, Kind={} failed: {problem}",
            kind.kind
        ))
    };
    let converted = ask(state, kind, wanted, &sent)
        .await
        .map_err(|problem| failed(&problem))?;
    let mut converted = converted.into_iter();
    for object in objects.iter_mut().filter(|object| differs(object)) {
        let Some(Value::Object(new)) = converted.next() else {
            return Err(failed("a converted object is none"));
        };
        *object = accept(object, Object(new), wanted).map_err(|problem| failed(&problem))?;
    }
    Ok(objects)
}

async fn ask(
    state: &State,
    kind: &Kind,
    wanted: &str,
    objects: &[Value],
) -> Result<Vec<Value>, String> {
    let Origin::Custom(definition) = &kind.origin else {
        return Err("the kind is built in".to_owned());
    };
    let peer = definition
        .converter()
        .ok_or("the definition names no webhook")?;
    let peer = Peer::from_client_config(peer).map_err(|error| error.to_string())?;
    let uid = state.random.uuid();
    let review = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": { "uid": uid, "desiredAPIVersion": wanted, "objects": objects },
    });
    let reply = outbound::post(state, &peer, &review, TIMEOUT).await;
    let reply = reply.map_err(|error| {
        let problem = error.beside_its_address();
        format!("Post {:?}: {problem}", peer.address())
    })?;
    let text = |pointer: &str| {
        reply
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("/response/uid") != uid {
        return Err(format!(
            "expected response.uid={uid:?}, got {:?}",
            text("/response/uid")
        ));
    }
    if text("/response/result/status") != "Success" {
        let message = text("/response/result/message");
        return Err(if message.is_empty() {
            "the webhook gave no reason".to_owned()
        } else {
            message.to_owned()
        });
    }
    let converted = reply
        .pointer("/response/convertedObjects")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if converted.len() != objects.len() {
        return Err(format!(
            "webhook returned {} objects, expected {}",
            converted.len(),
            objects.len()
        ));
    }
    Ok(converted)
}

/// Labels and annotations are texts, or typed clients could not read the object.
fn texts(object: &Object, field: &str) -> Result<(), String> {
    match object.at(&["metadata", field]) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(map)) => match map.iter().find(|(_, value)| !value.is_string()) {
            Some((key, _)) => Err(format!("metadata.{field}[{key}] must be a string")),
            None => Ok(()),
        },
        Some(_) => Err(format!("metadata.{field} must be a map")),
    }
}

/// Checks what a webhook made, and undoes what it may not change: of the metadata only labels and annotations are its own.
fn accept(old: &Object, mut new: Object, wanted: &str) -> Result<Object, String> {
    if new.text(&["apiVersion"]) != wanted {
        return Err(format!(
            "invalid groupVersion (expected {wanted}, received {})",
            new.text(&["apiVersion"])
        ));
    }
    if new.text(&["kind"]) != old.text(&["kind"]) {
        return Err(format!(
            "invalid kind (expected {}, received {})",
            old.text(&["kind"]),
            new.text(&["kind"])
        ));
    }
    for field in ["name", "namespace", "uid"] {
        let (before, after) = (
            old.text(&["metadata", field]),
            new.text(&["metadata", field]),
        );
        if before != after {
            return Err(format!(
                "metadata.{field} must not be changed (was {before:?}, is {after:?})"
            ));
        }
    }
    let mut metadata = old.at(&["metadata"]).cloned().unwrap_or_else(|| json!({}));
    for field in ["labels", "annotations"] {
        texts(&new, field)?;
        match new.at(&["metadata", field]) {
            Some(value) => metadata[field] = value.clone(),
            None => {
                if let Value::Object(metadata) = &mut metadata {
                    metadata.remove(field);
                }
            }
        }
    }
    new.0.insert("metadata".to_owned(), metadata);
    Ok(new)
}
