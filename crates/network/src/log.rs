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
//! | `network_connections_total` | `service namespace pod source source_namespace protocol outcome` |
//! | `network_connection_bytes_total` | the same and `direction` |
//!
//! `service` is the Service that was *asked for*. With a VirtualService for `production-app` that
//! splits between `production-app-stable` and `production-app-canary`, `service="production-app"` sees both,
//! `destination` tells them apart, and so does `version`.
//! An empty label means: does not apply (no pod was chosen, the host is unknown).

mod connection;
mod record;
mod render;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use connection::Noted;
pub use connection::{Carrier, ConnectionRecord, Outcome};
pub use record::{RequestRecord, StatusClass, Total, Unsent, method_label};
pub use state::BUCKETS;

use self::state::{CountKey, DurationKey, State, TotalKey, count, total_key};

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
        state.turn += 1;
        let turn = state.turn;
        count(&mut state.counts, CountKey::of(record), times, turn);
        *state.totals.entry(total_key(record)).or_default() += times;
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
        let mut state = self.lock();
        state.turn += 1;
        let turn = state.turn;
        count(&mut state.unsent, key, 1, turn);
    }

    /// The numbers per Service asked for, version and class of status, in a stable order.
    pub fn totals(&self) -> Vec<Total> {
        let total = |(key, count): (&TotalKey, &u64)| {
            let (namespace, service, version, class) = key.clone();
            Total {
                namespace,
                service,
                version,
                class,
                count: *count,
            }
        };
        self.lock().totals.iter().map(total).collect()
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
