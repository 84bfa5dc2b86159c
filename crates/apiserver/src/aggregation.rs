//! Aggregation: groups that another server in the cluster serves, by APIService objects.
//!
//! ```text
//!   /apis/metrics.example/v1beta1/…  ──▶ is there an APIService v1beta1.metrics.example with a service?
//!                                         yes ──▶ the same request to that Service, with the user in X-Remote-* headers
//! ```
//!
//! A group version that this server serves itself is never handed on.

mod available;
mod discover;
mod kind;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use crate::failure::{Failure, Reason};
use crate::identity::Identity;
use crate::object::Object;
use crate::outbound::{self, Peer, Place, Trust};
use crate::state::State;

pub(crate) use available::watch as watch_availability;
pub(crate) use discover::{aggregated_groups, groups};
pub(crate) use kind::kind;

/// The storage name of APIServices.
const RESOURCE: &str = "apiservices.apiregistration.k8s.io";

/// Headers of one connection, which are not handed on.
pub(crate) const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The object of a group version, if it names a service.
fn service_of(state: &State, group: &str, version: &str) -> Option<Object> {
    let registry = state.registry();
    let kind = registry.get("apiregistration.k8s.io", "apiservices")?;
    let record = state.record(kind, "", &format!("{version}.{group}"))?;
    let object = Object::decode(&record.bytes).ok()?;
    object
        .at(&["spec", "service"])
        .is_some_and(Value::is_object)
        .then_some(object)
}

/// Whom an APIService leads to.
fn peer_of(object: &Object) -> Result<Peer, outbound::Error> {
    let text = |field: &str| object.text(&["spec", "service", field]).to_owned();
    let port = object
        .at(&["spec", "service", "port"])
        .and_then(Value::as_u64);
    let insecure = object
        .at(&["spec", "insecureSkipTLSVerify"])
        .and_then(Value::as_bool)
        == Some(true);
    Ok(Peer {
        place: Place::Service {
            namespace: text("namespace"),
            name: text("name"),
            port: port.and_then(|port| port.try_into().ok()).unwrap_or(443),
            path: "/".to_owned(),
        },
        trust: if insecure {
            Trust::Anyone
        } else {
            Trust::from_bundle(object.text(&["spec", "caBundle"]))?
        },
    })
}

/// Whether this server serves the group version itself.
fn served_here(state: &State, group: &str, version: &str) -> bool {
    state
        .registry()
        .group(group)
        .any(|kind| kind.versions.iter().any(|served| served.name == version))
}

/// Hands requests on that are about a group version of another server.
pub(crate) async fn route(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let mut steps = request.uri().path().trim_matches('/').splitn(4, '/');
    let object = match (steps.next(), steps.next(), steps.next()) {
        (Some("apis"), Some(group), Some(version)) if !served_here(&state, group, version) => {
            service_of(&state, group, version)
        }
        _ => None,
    };
    match object {
        Some(object) => hand_on(&state, &object, request)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        None => next.run(request).await,
    }
}

async fn hand_on(state: &State, object: &Object, request: Request) -> Result<Response, Failure> {
    let unavailable = |error: outbound::Error| {
        tracing::debug!(service = object.name(), %error, "an aggregated server cannot be reached");
        Failure::new(
            Reason::ServiceUnavailable,
            format!("error trying to reach service: {error}"),
        )
    };
    if request.headers().contains_key(header::UPGRADE) {
        let message = "a connection to an aggregated server cannot change its protocol; only plain requests are handed on";
        return Err(Failure::bad_request(message));
    }
    let identity = request.extensions().get::<Identity>().cloned();
    let identity = identity.ok_or_else(|| Failure::new(Reason::Unauthorized, "Unauthorized"))?;
    let (parts, body) = request.into_parts();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut onward = http::Request::builder()
        .method(parts.method)
        .uri(path)
        .body(Body::new(body))
        .map_err(Failure::internal)?;
    *onward.headers_mut() = headers(parts.headers, &identity);
    let peer = peer_of(object).map_err(unavailable)?;
    let reply = outbound::send(state, &peer, onward)
        .await
        .map_err(unavailable)?;
    let (mut parts, body) = reply.into_parts();
    for name in &HOP_BY_HOP {
        parts.headers.remove(name);
    }
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// The headers of the onward request: who asks is told by us, and by nobody else.
fn headers(mut headers: HeaderMap, identity: &Identity) -> HeaderMap {
    let claimed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str().starts_with("x-remote-") || name.as_str().starts_with("impersonate-")
        })
        .cloned()
        .collect();
    for name in HOP_BY_HOP
        .iter()
        .chain(&claimed)
        .chain([&header::AUTHORIZATION, &header::HOST])
    {
        headers.remove(name);
    }
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    add("x-remote-user", &identity.user);
    for group in &identity.groups {
        add("x-remote-group", group);
    }
    headers
}
