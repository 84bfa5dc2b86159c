//! From an HTTP request to a connection that speaks something else.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;

use super::websocket;
use crate::failure::{Failure, Reason};
use crate::metrics::Underway;
use crate::state::pairs;

/// What a session needs of a request beyond what other requests need.
#[derive(Default)]
pub(crate) struct Streaming {
    /// The connection, for the first who takes it; absent where it cannot change its protocol.
    upgrade: Mutex<Option<OnUpgrade>>,
    query: String,
    underway: Option<Arc<Underway>>,
}

/// A connection that is about to change its protocol.
pub(super) struct Turning {
    /// What becomes of it.
    pub(super) upgrade: OnUpgrade,
    /// The request, which goes on for as long as this is held.
    pub(super) underway: Option<Arc<Underway>>,
}

impl Streaming {
    pub(crate) fn new(
        upgrade: Option<OnUpgrade>,
        query: Option<&str>,
        underway: Option<Arc<Underway>>,
    ) -> Self {
        Self {
            upgrade: Mutex::new(upgrade),
            query: query.unwrap_or_default().to_owned(),
            underway,
        }
    }

    /// All values of a query parameter, in order.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        pairs(&self.query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value)
            .collect()
    }

    pub(super) fn take(&self) -> Option<Turning> {
        let mut upgrade = self.upgrade.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Turning {
            upgrade: upgrade.take()?,
            underway: self.underway.clone(),
        })
    }
}

/// What the client wants to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// WebSocket, with the key of its handshake.
    WebSocket { key: String },
    /// SPDY/3.1.
    Spdy,
}

const STREAM_PROTOCOL: &str = "x-stream-protocol-version";

/// Reads what the client wants to speak.
///
/// # Errors
/// Bad request, in upstream's words, where it is nothing that is known.
pub(super) fn wanted(headers: &HeaderMap) -> Result<Wanted, Failure> {
    let has = |name: header::HeaderName, token: &str| {
        list(headers, name.as_str())
            .iter()
            .any(|one| one.eq_ignore_ascii_case(token))
    };
    if has(header::CONNECTION, "upgrade") {
        if has(header::UPGRADE, "spdy/3.1") {
            return Ok(Wanted::Spdy);
        }
        if has(header::UPGRADE, "websocket") {
            let key = headers.get(header::SEC_WEBSOCKET_KEY);
            let key = key.and_then(|key| key.to_str().ok());
            let version = headers.get(header::SEC_WEBSOCKET_VERSION);
            if version.is_some_and(|version| version != "13") {
                return Err(Failure::bad_request("websocket: unsupported version"));
            }
            return match key {
                Some(key) => Ok(Wanted::WebSocket {
                    key: key.to_owned(),
                }),
                None => Err(Failure::bad_request(
                    "websocket: the request has no Sec-WebSocket-Key",
                )),
            };
        }
    }
    Err(Failure::bad_request("Upgrade request required"))
}

/// The values of a header that lists several, in one line or in many.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

/// The first of the client's protocols that is known here.
///
/// # Errors
/// Where none is. WebSocket clients that name none speak the last of `known`.
pub(super) fn negotiate<T: Copy>(
    headers: &HeaderMap,
    wanted: &Wanted,
    known: &[(&'static str, T)],
) -> Result<(&'static str, T), Failure> {
    let name = match wanted {
        Wanted::WebSocket { .. } => "sec-websocket-protocol",
        Wanted::Spdy => STREAM_PROTOCOL,
    };
    let offered = list(headers, name);
    let find = |one: &String| known.iter().find(|(name, _)| name == one).copied();
    if let Some(found) = offered.iter().find_map(find) {
        return Ok(found);
    }
    if let (Wanted::WebSocket { .. }, true, Some((_, last))) =
        (wanted, offered.is_empty(), known.last())
    {
        return Ok(("", *last));
    }
    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "unable to upgrade: unable to negotiate protocol: client supports {offered:?}, server \
         accepts {names:?}"
    );
    Err(match wanted {
        Wanted::Spdy => Failure::new(Reason::Forbidden, message),
        Wanted::WebSocket { .. } => Failure::bad_request(message),
    })
}

/// Whether the client offers this protocol.
pub(super) fn offers(headers: &HeaderMap, name: &str) -> bool {
    list(headers, "sec-websocket-protocol")
        .iter()
        .any(|one| one == name)
}

/// The answer that ends HTTP on the connection.
pub(super) fn switch(wanted: &Wanted, protocol: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let (upgrade, name) = match wanted {
        Wanted::WebSocket { key } => {
            if let Ok(answer) = HeaderValue::from_str(&websocket::accept(key)) {
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, answer);
            }
            ("websocket", "sec-websocket-protocol")
        }
        Wanted::Spdy => ("SPDY/3.1", STREAM_PROTOCOL),
    };
    headers.insert(header::UPGRADE, HeaderValue::from_static(upgrade));
    if let (Ok(value), false) = (HeaderValue::from_str(protocol), protocol.is_empty()) {
        headers.insert(name, value);
    }
    response
}
