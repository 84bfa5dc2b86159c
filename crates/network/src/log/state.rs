//! The counters behind the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{BytesKey, ConnectionKey};
use super::record::{RequestRecord, StatusClass, Unsent};

/// Upper bounds of the duration histogram in seconds: the defaults of Prometheus' client libraries.
pub const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CountKey {
    pub(super) namespace: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) destination: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) pod: Arc<str>,
    pub(super) route: Arc<str>,
    pub(super) host: Arc<str>,
    pub(super) method: &'static str,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DurationKey {
    pub(super) namespace: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) destination: Arc<str>,
    pub(super) version: Arc<str>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Histogram {
    /// Not cumulative; the last counts what is above every bound.
    pub(super) buckets: [u64; BUCKETS.len() + 1],
    pub(super) sum_seconds: f64,
    pub(super) count: u64,
}

/// Namespace, Service, pod and why.
pub(super) type UnsentKey = (Arc<str>, Arc<str>, Arc<str>, Unsent);
/// Namespace, Service, version and class.
pub(super) type TotalKey = (Arc<str>, Arc<str>, Arc<str>, StatusClass);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) counts: BTreeMap<CountKey, Count>,
    pub(super) totals: BTreeMap<TotalKey, u64>,
    pub(super) durations: BTreeMap<DurationKey, Histogram>,
    pub(super) in_flight: BTreeMap<(Arc<str>, Arc<str>), u64>,
    pub(super) unsent: BTreeMap<UnsentKey, Count>,
    pub(super) connections: BTreeMap<ConnectionKey, Count>,
    pub(super) bytes: BTreeMap<BytesKey, Count>,
    /// Counts records, as a measure of age.
    pub(super) turn: u64,
}

/// A counter and when it last grew.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub(super) value: u64,
    pub(super) turn: u64,
}

/// The most series of one metric that names pods. Pods come and go: of more series than this, the
/// quarter that grew longest ago is dropped. Totals are kept.
pub(super) const MOST_SERIES: usize = 20_000;

pub(super) fn count<K: Ord + Clone>(
    counts: &mut BTreeMap<K, Count>,
    key: K,
    times: u64,
    turn: u64,
) {
    if counts.len() >= MOST_SERIES && !counts.contains_key(&key) {
        let mut turns: Vec<u64> = counts.values().map(|count| count.turn).collect();
        turns.sort_unstable();
        let oldest = turns[turns.len() / 4];
        counts.retain(|_, count| count.turn > oldest);
    }
    let count = counts.entry(key).or_default();
    count.value += times;
    count.turn = turn;
}

pub(super) fn total_key(record: &RequestRecord) -> TotalKey {
    let class = StatusClass::of(record.status);
    (
        record.namespace.clone(),
        record.service.clone(),
        record.version.clone(),
        class,
    )
}

impl CountKey {
    pub(super) fn of(record: &RequestRecord) -> Self {
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
    pub(super) fn of(record: &RequestRecord) -> Self {
        Self {
            namespace: record.namespace.clone(),
            service: record.service.clone(),
            destination: record.destination.clone(),
            version: record.version.clone(),
        }
    }
}

impl Histogram {
    pub(super) fn observe(&mut self, duration: Duration, times: u64) {
        let seconds = duration.as_secs_f64();
        self.buckets[BUCKETS.partition_point(|bound| *bound < seconds)] += times;
        self.sum_seconds += seconds * times as f64;
        self.count += times;
    }
}
