//! How others check tokens of service accounts: the documents of OpenID Connect Discovery.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::ISSUER;
use crate::reply;
use crate::state::State;

/// Upstream lets clients keep the documents for an hour.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=3600");

fn document(body: &Value, media: &'static str) -> Response {
    let mut response = reply::json(StatusCode::OK, body.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, KEEP);
    response
}

/// `/.well-known/openid-configuration`.
pub(crate) async fn configuration() -> Response {
    let body = json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    document(&body, "application/json")
}

/// `/openid/v1/jwks`.
pub(crate) async fn keys(Shared(state): Shared<Arc<State>>) -> Response {
    let keys: Vec<Value> = state
        .authentication
        .key()
        .iter()
        .map(|key| key.public())
        .collect();
    document(&json!({ "keys": keys }), "application/jwk-set+json")
}
