//! `token`: a token for a service account.

use axum::response::Response;
use http::StatusCode;
use seatrial_store::Key;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::{Object, timestamp};
use crate::reply;
use crate::token::{Claims, ISSUER, Named, Own, subject};
use crate::verb::Fixed;

/// How long a token is good for unless the client says otherwise, in seconds.
const DEFAULT_LIFETIME: i64 = 3600;
/// The shortest time, in seconds (upstream's).
const SHORTEST: i64 = 600;
/// The longest time, in seconds (upstream's).
const LONGEST: i64 = 1 << 32;

pub(super) async fn create(call: &Call) -> Result<Response, Failure> {
    let mut request = body::object(call)?;
    let account = Fixed::load(call).await?.object;
    let lifetime = lifetime(&request)?;
    let now = call.state.now();
    let expiry = now
        .checked_add(jiff::SignedDuration::from_secs(lifetime))
        .map_err(|error| Failure::bad_request(format!("spec.expirationSeconds: {error}")))?;
    let own = bound(call, &account, &request)?;
    let claims = Claims {
        audiences: audiences(&request),
        expires: expiry.as_second(),
        issued: now.as_second(),
        issuer: ISSUER.to_owned(),
        id: call.state.random.uuid(),
        subject: subject(&own),
        own,
        not_before: now.as_second(),
    };
    let key = call.state.authentication.key();
    let token = key.and_then(|key| key.sign(&claims));
    let token = token.ok_or_else(|| Failure::internal("this server cannot sign tokens"))?;
    request
        .0
        .insert("apiVersion".to_owned(), json!("authentication.k8s.io/v1"));
    request.0.insert("kind".to_owned(), json!("TokenRequest"));
    let metadata = json!({
        "name": account.name(),
        "namespace": call.target.namespace,
        "creationTimestamp": timestamp(now),
    });
    request.0.insert("metadata".to_owned(), metadata);
    let spec = request.section("spec");
    spec.insert("expirationSeconds".to_owned(), json!(lifetime));
    spec.insert("audiences".to_owned(), json!(claims.audiences));
    let status = json!({ "token": token, "expirationTimestamp": timestamp(expiry) });
    request.0.insert("status".to_owned(), status);
    Ok(reply::json(
        StatusCode::CREATED,
        Value::Object(request.0).to_string(),
    ))
}

fn lifetime(request: &Object) -> Result<i64, Failure> {
    let asked = request
        .at(&["spec", "expirationSeconds"])
        .and_then(Value::as_i64);
    let lifetime = asked
        .filter(|&seconds| seconds != 0)
        .unwrap_or(DEFAULT_LIFETIME);
    let detail = match lifetime {
        ..SHORTEST => "may not specify a duration less than 10 minutes",
        SHORTEST..=LONGEST => return Ok(lifetime),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let cause = Cause::invalid("spec.expirationSeconds", lifetime, detail);
    let message = format!(
        "TokenRequest.authentication.k8s.io \"\" is invalid: {}: {}",
        cause.field, cause.message
    );
    Err(Failure::new(Reason::Invalid, message).with_causes(vec![cause]))
}

fn audiences(request: &Object) -> Vec<String> {
    let asked = request.at(&["spec", "audiences"]).and_then(Value::as_array);
    let asked: Vec<String> = asked
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    if asked.is_empty() {
        return vec![ISSUER.to_owned()];
    }
    asked
}

/// The account, and the object that the token is bound to.
fn bound(call: &Call, account: &Object, request: &Object) -> Result<Own, Failure> {
    let namespace = call.target.namespace.as_str();
    let mut bound = Own {
        namespace: namespace.to_owned(),
        serviceaccount: named(account),
        ..Own::default()
    };
    let reference = |field: &str| request.text(&["spec", "boundObjectRef", field]).to_owned();
    let (kind, name) = (reference("kind"), reference("name"));
    let node = call.identity.node_name();
    if let (Some(node), true) = (node, kind != "Pod") {
        let detail = format!("node requested token not bound to a pod: {node:?}");
        return Err(Failure::forbidden(call.kind(), account.name(), &detail));
    }
    match kind.as_str() {
        "" => {}
        "Pod" => {
            let pod = load(call, "pods", namespace, &name)?;
            let own = match pod.text(&["spec", "serviceAccountName"]) {
                "" => "default",
                name => name,
            };
            if own != account.name() {
                let detail = format!(
                    "cannot bind token for serviceaccount {:?} to pod running with different \
                     serviceaccount name.",
                    account.name()
                );
                return Err(Failure::bad_request(detail));
            }
            let on = pod.text(&["spec", "nodeName"]);
            if node.is_some_and(|node| node != on) {
                let detail = format!(
                    "node requested token bound to a pod scheduled on a different node: {on:?}"
                );
                return Err(Failure::forbidden(call.kind(), account.name(), &detail));
            }
            bound.node = load(call, "nodes", "", on).ok().as_ref().map(named);
            bound.pod = Some(named(&pod));
        }
        "Secret" => bound.secret = Some(named(&load(call, "secrets", namespace, &name)?)),
        "Node" => bound.node = Some(named(&load(call, "nodes", "", &name)?)),
        other => {
            return Err(Failure::bad_request(format!(
                "cannot bind token for object of type /v1, Kind={other}: supported are Pod, Secret and Node"
            )));
        }
    }
    let uid = reference("uid");
    let object = bound.pod.as_ref();
    let object = object.or(bound.secret.as_ref()).or(bound.node.as_ref());
    match object.map(|object| object.uid.clone()) {
        Some(stored) if !uid.is_empty() && stored != uid => {
            let detail = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            Err(Failure::conflict(call.kind(), account.name(), &detail))
        }
        _ => Ok(bound),
    }
}

fn named(object: &Object) -> Named {
    Named {
        name: object.name().to_owned(),
        uid: object.uid().to_owned(),
    }
}

fn load(call: &Call, plural: &str, namespace: &str, name: &str) -> Result<Object, Failure> {
    let registry = call.state.registry();
    let kind = registry.get("", plural).ok_or_else(Failure::unknown_path)?;
    let key = Key::new(std::sync::Arc::clone(&kind.resource), namespace, name);
    match call.state.store.get(&key) {
        Some(record) => crate::state::decode(&record),
        None => Err(Failure::not_found(kind, name)),
    }
}
