//! Requests of one kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;

use super::labels::Labels;
use super::page::{Family, Page};

/// The bounds of durations, in seconds: upstream's.
const BOUNDS: [f64; 24] = [
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2.0,
    3.0,
    4.0,
    5.0,
    6.0,
    8.0,
    10.0,
    15.0,
    20.0,
    30.0,
    45.0,
    60.0,
    f64::INFINITY,
];

/// What is known of requests that have the same labels.
pub(super) struct Series {
    labels: String,
    labels_of_long: String,
    /// Long ones that go on.
    pub(super) long: AtomicI64,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default, Clone)]
struct Tally {
    codes: BTreeMap<u16, u64>,
    /// How many ended within each bound but not within the one before.
    buckets: [u64; BOUNDS.len()],
    seconds: f64,
}

impl Series {
    pub(super) fn new(labels: &Labels<'_>) -> Self {
        Self {
            labels: labels.text(),
            labels_of_long: labels.text_without_dry_run(),
            long: AtomicI64::new(0),
            tally: Mutex::default(),
        }
    }

    /// A request has ended.
    pub(super) fn ended(&self, code: u16, took: SignedDuration) {
        // A clock that was set back must not take from a counter.
        let seconds = took.as_secs_f64().max(0.0);
        let place = BOUNDS.partition_point(|bound| *bound < seconds);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.codes.entry(code).or_default() += 1;
        tally.seconds += seconds;
        if let Some(bucket) = tally.buckets.get_mut(place) {
            *bucket += 1;
        }
    }

    fn tally(&self) -> Tally {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.clone()
    }
}

pub(super) fn write(series: &[Arc<Series>], page: &mut Page) {
    let tallies: Vec<(&Series, Tally)> = series.iter().map(|one| (&**one, one.tally())).collect();
    page.family(
        Family::Counter,
        "apiserver_request_total",
        "Requests that were answered, by what they asked for and the code of the reply.",
    );
    for (series, tally) in &tallies {
        for (code, count) in &tally.codes {
            let labels = format!("code=\"{code}\",{}", series.labels);
            page.sample_of("", &labels, count);
        }
    }
    page.family(
        Family::Histogram,
        "apiserver_request_duration_seconds",
        "How long requests took until they were answered; watches and sessions, until they ended.",
    );
    for (series, tally) in &tallies {
        durations(series, tally, page);
    }
    page.family(
        Family::Gauge,
        "apiserver_longrunning_requests",
        "Watches, followed logs and sessions that go on.",
    );
    for (series, _) in &tallies {
        let long = series.long.load(Ordering::Relaxed);
        if long > 0 {
            page.sample_of("", &series.labels_of_long, long);
        }
    }
}

fn durations(series: &Series, tally: &Tally, page: &mut Page) {
    let mut sum = 0;
    if tally.codes.is_empty() {
        return;
    }
    for (bound, count) in BOUNDS.iter().zip(tally.buckets) {
        sum += count;
        let bound = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        let labels = format!("{},le=\"{bound}\"", series.labels);
        page.sample_of("_bucket", &labels, sum);
    }
    page.sample_of("_sum", &series.labels, tally.seconds);
    page.sample_of("_count", &series.labels, sum);
}
