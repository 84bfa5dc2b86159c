//! What is recorded about a request.

use std::sync::Arc;
use std::time::Duration;

/// A finished request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The namespace of the Service that was asked for.
    pub namespace: Arc<str>,
    /// The Service that was asked for.
    pub service: Arc<str>,
    /// The Service whose pod answered.
    pub destination: Arc<str>,
    /// The pod's version.
    pub version: Arc<str>,
    /// The pod's name.
    pub pod: Arc<str>,
    /// The route's name.
    pub route: Arc<str>,
    /// The host as the client named it, where some route knows it.
    pub host: Arc<str>,
    /// The method; see [`method_label`].
    pub method: &'static str,
    /// The status that the client got; 499 if it left before the response was complete, 502 and 504 also
    /// where the response broke off or ran out of time after its head.
    pub status: u16,
    /// From the request's head to the end of the response.
    pub duration: Duration,
}

/// The method as a label: unknown ones are `OTHER`, so that no client can make up time series.
pub fn method_label(method: &http::Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("OTHER")
}

/// A class of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusClass {
    /// 100 to 199: a connection that changed its protocol.
    Informational,
    /// 200 to 299.
    Success,
    /// 300 to 399.
    Redirection,
    /// 400 to 499.
    ClientError,
    /// 500 and above.
    ServerError,
}

impl StatusClass {
    /// The class of a status.
    pub fn of(status: u16) -> Self {
        match status {
            0..=199 => Self::Informational,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// How many requests of one kind there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The namespace of the Service that was asked for.
    pub namespace: Arc<str>,
    /// The Service that was asked for.
    pub service: Arc<str>,
    /// The version that answered; empty if none did.
    pub version: Arc<str>,
    /// How it went.
    pub class: StatusClass,
    /// The number of requests.
    pub count: u64,
}

/// Why an attempt to send a request came to nothing before a byte was sent, or was safely repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsent {
    /// No connection came about; another endpoint was tried.
    Connect,
    /// A connection kept from before turned out closed before the request was written.
    StaleConnection,
    /// A connection kept from before was closed without an answer; the request had no body and a
    /// method that changes nothing, so it was sent again.
    RepeatedSafely,
}
