//! `pods/NAME/proxy` and `services/NAME/proxy`: a request of a client becomes one to what answers there.
//!
//! ```text
//!   /api/v1/namespaces/shop/services/https:web:api/proxy/items?page=2
//!                                    │     │   │        └── what is asked for
//!                                    │     │   └── port: a number or a name; the only or first one where left out
//!                                    │     └── name
//!                                    └── scheme: http where left out
//! ```
//!
//! Who may do so is decided before (`services/proxy`). The credentials of the client are not handed on. *Absent:* connections
//! that change their protocol.

mod links;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::aggregation::HOP_BY_HOP;
use crate::failure::{Failure, Reason};
use crate::object::Object;
use crate::outbound::{Trust, service, trust};
use crate::state::State;
use crate::stream::{Duplex, PodPlace};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest page whose links are changed.
const LARGEST_PAGE: usize = 8 << 20;

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    namespace: &'a str,
    /// `pods` or `services`.
    plural: &'a str,
    scheme: &'a str,
    name: &'a str,
    /// As given; may be empty.
    port: &'a str,
    /// What follows `proxy`; begins with a slash, or is empty.
    rest: &'a str,
}

impl<'a> Place<'a> {
    fn read(path: &'a str) -> Option<Self> {
        let inside = path.strip_prefix("/api/v1/namespaces/")?;
        let (namespace, inside) = inside.split_once('/')?;
        let (plural, inside) = inside.split_once('/')?;
        let (target, inside) = inside.split_once('/')?;
        let rest = inside.strip_prefix("proxy")?;
        let ours =
            matches!(plural, "pods" | "services") && (rest.is_empty() || rest.starts_with('/'));
        let parts: Vec<&str> = target.split(':').collect();
        let (scheme, name, port) = match parts.as_slice() {
            [name] => ("http", *name, ""),
            [name, port] | ["", name, port] => ("http", *name, *port),
            [scheme @ ("http" | "https"), name, port] => (*scheme, *name, *port),
            _ => return None,
        };
        ours.then_some(Self {
            namespace,
            plural,
            scheme,
            name,
            port,
            rest,
        })
    }
}

/// Hands requests on that are about what runs behind a pod or a service.
pub(crate) async fn route(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    match Place::read(&path) {
        Some(place) => hand_on(&state, &place, request)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        None => next.run(request).await,
    }
}

async fn hand_on(state: &State, place: &Place<'_>, request: Request) -> Result<Response, Failure> {
    let query = request.uri().query();
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    if place.rest.is_empty() && matches!(*request.method(), Method::GET | Method::HEAD) {
        // So that relative links of the page lead to below it.
        let to = format!("{}/{query}", request.uri().path());
        return Ok((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response());
    }
    if request.headers().contains_key(header::UPGRADE) {
        let message = "a connection through a proxy of the API cannot change its protocol; only plain requests are handed on";
        return Err(Failure::bad_request(message));
    }
    let path = request.uri().path();
    let prefix = path.strip_suffix(place.rest).unwrap_or(path).to_owned();
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect(state, place))
        .await
        .map_err(|_| unreachable("it did not answer in time"))??;
    let (mut parts, body) = request.into_parts();
    parts.uri = format!(
        "{}{query}",
        if place.rest.is_empty() {
            "/"
        } else {
            place.rest
        }
    )
    .parse()
    .map_err(Failure::internal)?;
    parts.version = http::Version::HTTP_11;
    for name in HOP_BY_HOP.iter().chain(&[header::AUTHORIZATION]) {
        parts.headers.remove(name);
    }
    // The body is sent anew, in pieces or with the length that it still says.
    let host = HeaderValue::from_str(place.name).map_err(Failure::internal)?;
    parts.headers.insert(header::HOST, host);
    let reply = exchange(stream, Request::from_parts(parts, body)).await;
    let (mut parts, body) = reply
        .map_err(|error| unreachable(&error.to_string()))?
        .into_parts();
    let body = relink(&mut parts, Body::new(body), &prefix).await?;
    for name in HOP_BY_HOP.iter().filter(|name| **name != header::UPGRADE) {
        parts.headers.remove::<&HeaderName>(name);
    }
    Ok(Response::from_parts(parts, body))
}

/// Makes the links of a page, and where it sends on to, lead through the proxy.
async fn relink(
    parts: &mut http::response::Parts,
    body: Body,
    prefix: &str,
) -> Result<Body, Failure> {
    let text = |name: HeaderName| {
        let value = parts.headers.get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (to, kind, encoding) = (
        text(header::LOCATION),
        text(header::CONTENT_TYPE),
        text(header::CONTENT_ENCODING),
    );
    if !to.is_empty() {
        let to = HeaderValue::from_str(&links::link(&to, prefix)).map_err(Failure::internal)?;
        parts.headers.insert(header::LOCATION, to);
    }
    let is_page = kind.split(';').next().unwrap_or_default().trim() == "text/html";
    let length = text_length(parts);
    if !is_page || !encoding.is_empty() || length.is_some_and(|length| length > LARGEST_PAGE) {
        return Ok(body);
    }
    let bytes = axum::body::to_bytes(body, LARGEST_PAGE).await;
    let bytes = bytes.map_err(|error| unreachable(&error.to_string()))?;
    let Ok(page) = std::str::from_utf8(&bytes) else {
        return Ok(Body::from(bytes));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Body::from(links::page(page, prefix)))
}

fn text_length(parts: &http::response::Parts) -> Option<usize> {
    let length = parts.headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

async fn exchange(
    stream: Box<dyn Duplex>,
    request: Request,
) -> Result<http::Response<hyper::body::Incoming>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Whoever waits for the reply is told too.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a proxied connection ended");
        }
    });
    sender.send_request(request).await
}

fn unreachable(problem: &str) -> Failure {
    let message = format!("error trying to reach service: {problem}");
    Failure::new(Reason::ServiceUnavailable, message)
}

async fn connect(state: &State, place: &Place<'_>) -> Result<Box<dyn Duplex>, Failure> {
    let registry = state.registry();
    let kind = registry
        .get("", place.plural)
        .ok_or_else(Failure::unknown_path)?;
    let record = state.find(kind, place.namespace, place.name)?;
    let object = crate::state::decode(&record)?;
    let stream = if place.plural == "services" {
        let port = service_port(&object, place)?;
        service::connect(state, place.namespace, place.name, port)
            .await
            .map_err(|error| unreachable(&error.to_string()))?
    } else {
        to_pod(state, &object, place).await?
    };
    if place.scheme == "https" {
        // As upstream: whoever is there is who was asked for.
        let secured = trust::secure(stream, place.name, &Trust::Anyone).await;
        return secured.map_err(|error| unreachable(&error.to_string()));
    }
    Ok(stream)
}

/// The number of the port that is meant.
fn service_port(object: &Object, place: &Place<'_>) -> Result<u16, Failure> {
    if object.text(&["spec", "type"]) == "ExternalName" {
        // Or whoever may make Services could reach what only this machine can.
        let message = format!("no endpoints available for service {:?}", place.name);
        return Err(Failure::new(Reason::ServiceUnavailable, message));
    }
    let ports = object.at(&["spec", "ports"]).and_then(Value::as_array);
    let ports: Vec<&Value> = ports.into_iter().flatten().collect();
    let number = |port: &&Value| port.get("port").and_then(Value::as_u64);
    let meant = match (place.port, ports.as_slice()) {
        ("", [only]) => number(only),
        ("", _) => ports
            .iter()
            .find(|port| port.get("name").is_none_or(|name| name == ""))
            .and_then(number),
        (wanted, _) => ports
            .iter()
            .find(|port| {
                port.get("name").is_some_and(|name| name == wanted)
                    || number(port).is_some_and(|port| port.to_string() == wanted)
            })
            .and_then(number),
    };
    meant.and_then(|port| port.try_into().ok()).ok_or_else(|| {
        let message = format!(
            "no service port {:?} found for service {:?}",
            place.port, place.name
        );
        Failure::new(Reason::ServiceUnavailable, message)
    })
}

async fn to_pod(
    state: &State,
    pod: &Object,
    place: &Place<'_>,
) -> Result<Box<dyn Duplex>, Failure> {
    let containers = pod.at(&["spec", "containers"]).and_then(Value::as_array);
    let first = containers
        .into_iter()
        .flatten()
        .find_map(|container| container.pointer("/ports/0/containerPort")?.as_u64());
    let port = match place.port {
        "" => first.unwrap_or(80).try_into().ok(),
        port => port.parse().ok(),
    };
    let port: u16 = port.ok_or_else(|| {
        Failure::bad_request(format!(
            "invalid port {:?} of pod {:?}",
            place.port, place.name
        ))
    })?;
    let node = pod.text(&["spec", "nodeName"]);
    match state.streams() {
        Some(streams) if !node.is_empty() => {
            let to = PodPlace {
                namespace: place.namespace.to_owned(),
                pod: place.name.to_owned(),
                uid: pod.uid().to_owned(),
                node: node.to_owned(),
            };
            let connected = streams.connect(&to, port).await;
            connected.map_err(|error| unreachable(&error.to_string()))
        }
        _ => Err(unreachable("no endpoints available: the pod is on no node")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_scheme_name_and_port() {
        let read = |path: &'static str| {
            let place = Place::read(path)?;
            Some((
                place.plural,
                place.scheme,
                place.name,
                place.port,
                place.rest,
            ))
        };
        let base = "/api/v1/namespaces/shop";
        let of = |rest: &str| read(Box::leak(format!("{base}/{rest}").into_boxed_str()));
        assert_eq!(of("pods/a/proxy"), Some(("pods", "http", "a", "", "")));
        assert_eq!(
            of("pods/a:80/proxy/x/y"),
            Some(("pods", "http", "a", "80", "/x/y"))
        );
        assert_eq!(
            of("services/https:web:api/proxy/"),
            Some(("services", "https", "web", "api", "/"))
        );
        assert_eq!(
            of("services/:web:api/proxy/"),
            Some(("services", "http", "web", "api", "/"))
        );
        for other in [
            "pods/a/proxys",
            "configmaps/a/proxy",
            "pods/a",
            "pods/ftp:a:1/proxy",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
