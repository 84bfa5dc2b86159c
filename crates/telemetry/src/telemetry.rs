//! The whole, as other parts use it in process.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use seatrial_clock::SharedClock;

use crate::labels::Labels;
use crate::promql::{self, Error, Options, Value};
use crate::scrape::TargetStatus;
use crate::store::{self, Limits, Store};

/// Metrics in memory and the queries on them. Clones share everything.
#[derive(Clone)]
pub struct Telemetry {
    store: Arc<Store>,
    options: Options,
    clock: SharedClock,
    targets: Arc<RwLock<Vec<TargetStatus>>>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Telemetry {
    /// An empty store that keeps what `limits` allow.
    pub fn new(clock: SharedClock, limits: Limits) -> Self {
        Self {
            store: Arc::new(Store::new(limits)),
            options: Options::default(),
            clock,
            targets: Arc::default(),
        }
    }

    /// The same with other rules of evaluation.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Evaluates an expression at one time.
    pub fn query(&self, expr: &str, at: Timestamp) -> Result<Value, Error> {
        promql::instant(&self.store, &self.options, expr, at.as_millisecond())
    }

    /// Evaluates an expression at each step from `start` to `end`.
    pub fn query_range(
        &self,
        expr: &str,
        (start, end): (Timestamp, Timestamp),
        step: Duration,
    ) -> Result<Value, Error> {
        let range = (start.as_millisecond(), end.as_millisecond());
        promql::range(
            &self.store,
            &self.options,
            expr,
            range,
            step.as_millis() as i64,
        )
    }

    /// Takes one sample without a scrape.
    pub fn append(&self, labels: &Labels, at: Timestamp, value: f64) -> Result<(), store::Error> {
        self.store.append(labels, at.as_millisecond(), value)
    }

    /// The samples.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The present moment by the clock handed in.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The rules of evaluation.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How the targets were when they were last asked, ordered by their labels.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.targets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_targets(&self, statuses: Vec<TargetStatus>) {
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) = statuses;
    }
}
