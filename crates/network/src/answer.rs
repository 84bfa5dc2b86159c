//! Answers of the gateway itself, as text or JSON.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use serde_json::json;

use crate::body::GatewayBody;
use crate::route::{Reason, Refusal};
use crate::table::{Backend, Table};
use crate::{Destination, PortChoice};

/// Says why the gateway answered by itself; the values are the names of [`Reason`].
pub const REASON_HEADER: HeaderName = HeaderName::from_static("x-seatrial-reason");

/// Renders a refusal in the form that the client accepts.
pub(crate) fn render(refusal: &Refusal, request: &HeaderMap) -> Response<GatewayBody> {
    let accept = request
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (kind, text) = if accept.contains("application/json") {
        ("application/json", json_text(refusal))
    } else {
        ("text/plain; charset=utf-8", plain_text(refusal))
    };
    let mut response = Response::new(GatewayBody::text(text));
    *response.status_mut() = refusal.reason.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(reason) = HeaderValue::from_str(&refusal.reason.to_string()) {
        headers.insert(REASON_HEADER, reason);
    }
    response
}

fn json_text(refusal: &Refusal) -> String {
    let status = refusal.reason.status().as_u16();
    let body = json!({
        "status": status,
        "reason": refusal.reason.to_string(),
        "message": refusal.message,
        "details": refusal.details,
    });
    format!("{body}\n")
}

fn plain_text(refusal: &Refusal) -> String {
    let mut text = format!("{}\n", refusal.message);
    for detail in &refusal.details {
        text.push_str("  ");
        text.push_str(detail);
        text.push('\n');
    }
    text
}

/// The refusal for a destination that nothing serves.
pub(crate) fn no_endpoint(table: &Table, destination: &Destination) -> Refusal {
    let service = &destination.service;
    let Some(backend) = table.backend(service) else {
        let message = format!("there is no Service {service}, to which the route leads");
        return Refusal::new(Reason::UnknownService, message);
    };
    if backend.port(&destination.port).is_none() {
        return no_port(backend, destination);
    }
    let ready = backend.total.saturating_sub(backend.unready.len());
    let message = format!(
        "no ready endpoint for service {service}: {ready} of {} pods ready",
        backend.total
    );
    let mut details = backend.unready.clone();
    if backend.total == 0 {
        details.push("no pod has the labels of the Service's selector".to_owned());
    } else if ready > 0 {
        details.push("the Service's targetPort names no port of those pods".to_owned());
    }
    Refusal::new(Reason::NoReadyEndpoint, message).with_details(details)
}

fn no_port(backend: &Backend, destination: &Destination) -> Refusal {
    let service = &destination.service;
    let wanted = match &destination.port {
        PortChoice::Usual => "any port".to_owned(),
        PortChoice::Number(number) => format!("port {number}"),
        PortChoice::Name(name) => format!("port {name:?}"),
    };
    let ports = backend.ports.iter().map(|port| match &port.name {
        Some(name) => format!("{} ({name})", port.number),
        None => port.number.to_string(),
    });
    let message = format!("service {service} does not have {wanted}; its TCP ports:");
    Refusal::new(Reason::UnknownService, message).with_details(ports.collect())
}
