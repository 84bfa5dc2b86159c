//! `token`: a token for a service account.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::object::timestamp;
use crate::reply;
use crate::token::Claims;
use crate::verb::Fixed;

/// How long a token is good for unless the client says otherwise, in seconds.
const DEFAULT_LIFETIME: i64 = 3600;

pub(super) async fn create(call: &Call) -> Result<Response, Failure> {
    let mut request = body::object(call)?;
    let account = Fixed::load(call).await?;
    let asked = request
        .at(&["spec", "expirationSeconds"])
        .and_then(Value::as_i64);
    let lifetime = asked
        .filter(|&seconds| seconds > 0)
        .unwrap_or(DEFAULT_LIFETIME);
    let now = call.state.now();
    let expiry = now
        .checked_add(jiff::SignedDuration::from_secs(lifetime))
        .map_err(|error| Failure::bad_request(format!("spec.expirationSeconds: {error}")))?;
    let claims = Claims {
        subject: format!(
            "system:serviceaccount:{}:{}",
            call.target.namespace,
            account.object.name()
        ),
        uid: account.object.uid().to_owned(),
        issued: now.as_second(),
        expires: expiry.as_second(),
    };
    let token = call.state.tokens.sign(&claims);
    request
        .0
        .insert("apiVersion".to_owned(), json!("authentication.k8s.io/v1"));
    request.0.insert("kind".to_owned(), json!("TokenRequest"));
    let metadata = json!({
        "name": account.object.name(),
        "namespace": call.target.namespace,
        "creationTimestamp": timestamp(now),
    });
    request.0.insert("metadata".to_owned(), metadata);
    request
        .section("spec")
        .insert("expirationSeconds".to_owned(), json!(lifetime));
    let status = json!({ "token": token, "expirationTimestamp": timestamp(expiry) });
    request.0.insert("status".to_owned(), status);
    Ok(reply::json(
        StatusCode::CREATED,
        Value::Object(request.0).to_string(),
    ))
}
