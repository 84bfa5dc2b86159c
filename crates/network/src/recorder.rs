//! Records one request exactly once, whatever becomes of it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::log::{InFlight, RequestLog, RequestRecord};

/// The status recorded when the client went away before the response was complete, as nginx does.
pub(crate) const CLIENT_CLOSED: u16 = 499;

/// A request on its way. Dropped unfinished, it is recorded as [`CLIENT_CLOSED`].
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Arc<RequestLog>,
    record: Option<RequestRecord>,
    started: Instant,
    _in_flight: InFlight,
}

impl Recorder {
    pub(crate) fn start(log: &Arc<RequestLog>, record: RequestRecord, started: Instant) -> Self {
        let in_flight = log.in_flight(&record.namespace, &record.service);
        Self {
            log: log.clone(),
            record: Some(record),
            started,
            _in_flight: in_flight,
        }
    }

    /// Fills in what has become known.
    pub(crate) fn update(&mut self, update: impl FnOnce(&mut RequestRecord)) {
        if let Some(record) = &mut self.record {
            update(record);
        }
    }

    pub(crate) fn finish(mut self) {
        self.record_now(None);
    }

    pub(crate) fn finish_as(mut self, status: u16) {
        self.record_now(Some(status));
    }

    fn record_now(&mut self, status: Option<u16>) {
        if let Some(mut record) = self.record.take() {
            record.status = status.unwrap_or(record.status);
            record.duration = self.started.elapsed();
            self.log.record(&record);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.record_now(Some(CLIENT_CLOSED));
    }
}
