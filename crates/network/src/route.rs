//! The decision: where a request goes, as a pure function of the table and the request's head.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::host;
use crate::table::{IngressRule, Table};
use crate::{PortChoice, ServiceName};

/// What is to be done with a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Carry it to one of the destinations.
    Forward(Arc<Forward>),
    /// Answer it here.
    Refuse(Arc<Refusal>),
}

/// Where matching requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The Service that was asked for. Requests are counted under it, whichever destination serves
    /// them, so that one query sees a canary together with its stable version.
    pub service: ServiceName,
    /// The route's name: of the VirtualService's route, of the Ingress, or of the Service.
    pub route: Arc<str>,
    /// The destinations and their shares.
    pub split: Split,
    /// How long the whole exchange may take.
    pub timeout: Option<Duration>,
}

impl Forward {
    /// The route to a Service by its own name.
    pub(crate) fn direct(service: &ServiceName) -> Self {
        let destination = Destination {
            service: service.clone(),
            port: PortChoice::Usual,
            weight: 100,
        };
        Self {
            service: service.clone(),
            route: service.name.clone(),
            split: Split::new(format!("service:{service}"), vec![destination]),
            timeout: None,
        }
    }
}

/// Weighted destinations. The key names the split whose turns are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Names the route across table rebuilds.
    pub key: Arc<str>,
    /// At least one, in the order of the route.
    pub destinations: Vec<Destination>,
}

impl Split {
    pub(crate) fn new(key: impl Into<Arc<str>>, destinations: Vec<Destination>) -> Self {
        Self {
            key: key.into(),
            destinations,
        }
    }
}

/// One destination and its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The Service whose pods serve.
    pub service: ServiceName,
    /// Which of its ports.
    pub port: PortChoice,
    /// The share, relative to the sum of all weights.
    pub weight: u32,
}

/// Why the gateway answers by itself. The name is sent as `x-seatrial-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The request names no host.
    MissingHost,
    /// No rule or Service has that host.
    UnknownHost,
    /// The host is known, but none of its routes matches.
    NoMatchingRoute,
    /// The route leads to a Service or port that does not exist.
    UnknownService,
    /// No pod of the Service is ready.
    NoReadyEndpoint,
    /// The route uses subsets.
    SubsetUnsupported,
    /// The route cannot be understood.
    InvalidRoute,
    /// No connection to a pod came about; nothing was sent.
    ConnectFailed,
    /// The pod broke the exchange off.
    UpstreamClosed,
    /// The route's timeout passed.
    UpstreamTimeout,
}

impl Reason {
    /// The status such answers have.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingHost => StatusCode::BAD_REQUEST,
            Self::UnknownHost | Self::NoMatchingRoute => StatusCode::NOT_FOUND,
            Self::UnknownService
            | Self::NoReadyEndpoint
            | Self::SubsetUnsupported
            | Self::InvalidRoute => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectFailed | Self::UpstreamClosed => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An answer of the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What happened and what to do, for people.
    pub message: String,
    /// More lines: known hosts, or pods and why they are not ready.
    pub details: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// Decides where a request goes.
///
/// The most specific host wins; for the same host a VirtualService comes before an Ingress, and both
/// before the Service itself. A Service that an Ingress leads to is looked up among the
/// VirtualServices again, so that a canary also splits the traffic that comes in by an Ingress.
/// Within a VirtualService the first matching route wins. Weights are applied later, by
/// [`crate::traffic::Traffic`], because turns must be counted.
pub fn route(
    table: &Table,
    host: &str,
    path: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Decision {
    let literal = host::normalize(host);
    if literal.is_empty() {
        let message = "the request names no host; send a Host header such as service.namespace";
        return refuse(Refusal::new(Reason::MissingHost, message));
    }
    let asked = host::service(&literal);
    let request = Request {
        path,
        method,
        headers,
    };
    if let Some(decision) = by_virtual_service(table, &literal, asked.as_ref(), &request) {
        return decision;
    }
    if let Some(rule) = by_ingress(table, &literal, asked.as_ref(), path) {
        let service = &rule.forward.service;
        let virtual_host = format!("{}.{}", service.name, service.namespace);
        let inner = by_virtual_service(table, &virtual_host, Some(service), &request);
        return inner.unwrap_or_else(|| Decision::Forward(rule.forward.clone()));
    }
    if let Some(forward) = asked.as_ref().and_then(|service| table.direct.get(service)) {
        return Decision::Forward(forward.clone());
    }
    let message =
        format!("no Service, VirtualService or Ingress has the host {literal:?}; known hosts:");
    refuse(Refusal::new(Reason::UnknownHost, message).with_details(table.hosts()))
}

struct Request<'r> {
    path: &'r str,
    method: &'r Method,
    headers: &'r HeaderMap,
}

fn refuse(refusal: Refusal) -> Decision {
    Decision::Refuse(Arc::new(refusal))
}

fn by_virtual_service(
    table: &Table,
    host: &str,
    asked: Option<&ServiceName>,
    request: &Request<'_>,
) -> Option<Decision> {
    let rank = |hosts: &[host::HostPattern]| {
        hosts
            .iter()
            .map(|pattern| pattern.rank(host, asked))
            .max()
            .unwrap_or(0)
    };
    let best = table
        .virtual_rules
        .iter()
        .map(|rule| rank(&rule.hosts))
        .max()
        .filter(|rank| *rank > 0)?;
    let rules: Vec<_> = table
        .virtual_rules
        .iter()
        .filter(|rule| rank(&rule.hosts) == best)
        .collect();
    let mut routes = rules.iter().flat_map(|rule| &rule.routes);
    let found = routes.find(|route| route.matches(request.path, request.method, request.headers));
    if let Some(route) = found {
        return Some(match &route.action {
            Ok(forward) => Decision::Forward(forward.clone()),
            Err(refusal) => Decision::Refuse(refusal.clone()),
        });
    }
    let objects: Vec<&str> = rules.iter().map(|rule| rule.object.as_str()).collect();
    let objects = objects.join(", ");
    let message = format!(
        "no route of {objects} matches {} {}",
        request.method, request.path
    );
    Some(refuse(Refusal::new(Reason::NoMatchingRoute, message)))
}

fn by_ingress<'t>(
    table: &'t Table,
    host: &str,
    asked: Option<&ServiceName>,
    path: &str,
) -> Option<&'t IngressRule> {
    let ranked = table.ingress_rules.iter().filter_map(|rule| {
        let by_host = rule.host.rank(host, None);
        let by_path = rule.path_rank(path)?;
        // A rule for every host does not take a Service's own name away.
        let is_service = asked.is_some_and(|service| table.direct.contains_key(service));
        let applies = by_host > 1 || (by_host == 1 && !is_service);
        applies.then_some(((by_host, by_path), rule))
    });
    // The first of equals wins.
    ranked
        .fold(
            None,
            |best: Option<((usize, usize), &IngressRule)>, (rank, rule)| match best {
                Some((top, _)) if top >= rank => best,
                _ => Some((rank, rule)),
            },
        )
        .map(|(_, rule)| rule)
}
