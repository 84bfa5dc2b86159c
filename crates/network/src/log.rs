//! The request log: the one place where a finished request is recorded.
//!
//! The gateway records real requests; a rehearsal records modelled ones through the same
//! [`RequestLog::record`], so that the same queries answer in both.
//!
//! | metric | labels |
//! |---|---|
//! | `http_requests_total` | `service namespace destination version pod route host method status` |
//! | `http_request_duration_seconds` | `service namespace destination version` (histogram) |
//! | `http_requests_in_flight` | `service namespace` |
//! | `gateway_unsent_attempts_total` | `service namespace pod reason` |
//!
//! `service` is the Service that was *asked for*. With a VirtualService for `production-app` that
//! splits between `production-app-stable` and `production-app-canary`, `service="production-app"` sees both,
//! `destination` tells them apart, and so does `version`.
//! An empty label means: does not apply (no pod was chosen, the host is unknown).

mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of the duration histogram in seconds: the defaults of Prometheus' client libraries.
pub const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

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

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CountKey {
    namespace: Arc<str>,
    service: Arc<str>,
    destination: Arc<str>,
    version: Arc<str>,
    pod: Arc<str>,
    route: Arc<str>,
    host: Arc<str>,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DurationKey {
    namespace: Arc<str>,
    service: Arc<str>,
    destination: Arc<str>,
    version: Arc<str>,
}

#[derive(Debug, Default, Clone)]
struct Histogram {
    /// Not cumulative; the last counts what is above every bound.
    buckets: [u64; BUCKETS.len() + 1],
    sum_seconds: f64,
    count: u64,
}

/// Namespace, Service, pod and why.
type UnsentKey = (Arc<str>, Arc<str>, Arc<str>, Unsent);
/// Namespace, Service, version and class.
type TotalKey = (Arc<str>, Arc<str>, Arc<str>, StatusClass);

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<CountKey, u64>,
    durations: BTreeMap<DurationKey, Histogram>,
    in_flight: BTreeMap<(Arc<str>, Arc<str>), u64>,
    unsent: BTreeMap<UnsentKey, u64>,
}

/// Counts requests. Cheap to share; every method may be called from anywhere.
#[derive(Debug, Default)]
pub struct RequestLog(Mutex<State>);

impl RequestLog {
    /// An empty log.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a finished request.
    pub fn record(&self, record: &RequestRecord) {
        self.record_times(record, 1);
    }

    /// Records so many finished requests that were all alike: modelled traffic comes in bulk.
    pub fn record_times(&self, record: &RequestRecord, times: u64) {
        if times == 0 {
            return;
        }
        let mut state = self.lock();
        *state.counts.entry(CountKey::of(record)).or_default() += times;
        state
            .durations
            .entry(DurationKey::of(record))
            .or_default()
            .observe(record.duration, times);
    }

    /// Counts a request as in flight for as long as the result lives.
    pub fn in_flight(self: &Arc<Self>, namespace: &Arc<str>, service: &Arc<str>) -> InFlight {
        let key = (namespace.clone(), service.clone());
        *self.lock().in_flight.entry(key.clone()).or_default() += 1;
        InFlight {
            log: self.clone(),
            key,
        }
    }

    pub(crate) fn unsent(&self, record: &RequestRecord, pod: &Arc<str>, why: Unsent) {
        let key = (
            record.namespace.clone(),
            record.service.clone(),
            pod.clone(),
            why,
        );
        *self.lock().unsent.entry(key).or_default() += 1;
    }

    /// The numbers per Service asked for, version and class of status, in a stable order.
    pub fn totals(&self) -> Vec<Total> {
        let mut sums: BTreeMap<TotalKey, u64> = BTreeMap::new();
        for (key, count) in &self.lock().counts {
            let class = StatusClass::of(key.status);
            let place = (
                key.namespace.clone(),
                key.service.clone(),
                key.version.clone(),
                class,
            );
            *sums.entry(place).or_default() += count;
        }
        let total = |((namespace, service, version, class), count)| Total {
            namespace,
            service,
            version,
            class,
            count,
        };
        sums.into_iter().map(total).collect()
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        render::render(&self.lock())
    }
}

/// A request in flight; see [`RequestLog::in_flight`].
#[derive(Debug)]
pub struct InFlight {
    log: Arc<RequestLog>,
    key: (Arc<str>, Arc<str>),
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(count) = self.log.lock().in_flight.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
    }
}

impl CountKey {
    fn of(record: &RequestRecord) -> Self {
        Self {
            namespace: record.namespace.clone(),
            service: record.service.clone(),
            destination: record.destination.clone(),
            version: record.version.clone(),
            pod: record.pod.clone(),
            route: record.route.clone(),
            host: record.host.clone(),
            method: record.method,
            status: record.status,
        }
    }
}

impl DurationKey {
    fn of(record: &RequestRecord) -> Self {
        Self {
            namespace: record.namespace.clone(),
            service: record.service.clone(),
            destination: record.destination.clone(),
            version: record.version.clone(),
        }
    }
}

impl Histogram {
    fn observe(&mut self, duration: Duration, times: u64) {
        let seconds = duration.as_secs_f64();
        self.buckets[BUCKETS.partition_point(|bound| *bound < seconds)] += times;
        self.sum_seconds += seconds * times as f64;
        self.count += times;
    }
}
