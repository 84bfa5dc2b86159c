//! Samples of the last hours, in memory.
//!
//! Series are kept by metric name and labels in ordered maps; each is a row of compressed chunks.
//! A regular counter costs about 4 bytes per sample (see `store::chunk`), plus 100 to 300 bytes per series for
//! its labels. What is older than the window goes chunk by chunk; when the bound on samples is
//! reached, the window is shortened until they fit.

mod chunk;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use self::chunk::Chunk;
use self::state::State;
use crate::exposition::Metadata;
use crate::labels::Labels;
use crate::matcher::Matcher;

/// The bits of the NaN that says: this series ended here. The value is Prometheus' own.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The staleness marker.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_BITS)
}

/// Whether a value is the staleness marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value.
    pub value: f64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How far back samples are kept.
    pub window: Duration,
    /// The most samples that are kept, over all series.
    pub samples: usize,
    /// The most series that are kept.
    pub series: usize,
}

impl Default for Limits {
    /// Two hours, ten million samples (about 40 MB), a hundred thousand series.
    fn default() -> Self {
        Self {
            window: Duration::from_hours(2),
            samples: 10_000_000,
            series: 100_000,
        }
    }
}

/// Why a sample was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is older than the series' last.
    #[error("sample of {labels} at {time} ms is older than the last, at {last} ms")]
    OutOfOrder {
        /// The series.
        labels: Labels,
        /// The sample's time.
        time: i64,
        /// The time of the series' last sample.
        last: i64,
    },
    /// The series already has another value at this time.
    #[error("sample of {labels} at {time} ms was given twice with different values")]
    Duplicate {
        /// The series.
        labels: Labels,
        /// The time.
        time: i64,
    },
    /// There are too many series.
    #[error("series {labels} is not taken: {limit} series are kept already")]
    TooManySeries {
        /// The series.
        labels: Labels,
        /// The limit.
        limit: usize,
    },
}

/// A series and its samples in a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its points, ordered by time.
    pub points: Vec<Point>,
}

/// Sizes, for the metrics about the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Series kept.
    pub series: usize,
    /// Samples kept.
    pub samples: usize,
    /// Bytes of compressed samples.
    pub bytes: usize,
}

/// The samples. Readers do not block each other.
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    state: RwLock<State>,
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: RwLock::default(),
        }
    }

    /// Takes one sample. Samples of a series must come in the order of their times; the same sample
    /// again is ignored.
    pub fn append(&self, labels: &Labels, time: i64, value: f64) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.append(labels, Point { time, value }, &self.limits)
    }

    /// Takes many samples under one lock, and returns why some were not taken.
    pub fn append_all(&self, samples: impl IntoIterator<Item = (Labels, Point)>) -> Vec<Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let take = |(labels, point)| state.append(&labels, point, &self.limits).err();
        samples.into_iter().filter_map(take).collect()
    }

    /// Keeps what a page says about its metrics.
    pub fn describe(&self, metadata: BTreeMap<String, Metadata>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.metadata.extend(metadata);
    }

    /// What is known about metrics.
    pub fn metadata(&self) -> BTreeMap<String, Metadata> {
        self.read(|state| state.metadata.clone())
    }

    /// Drops what is older than the window, counted back from `now` (milliseconds), and more while
    /// there are too many samples.
    pub fn expire(&self, now: i64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let window = self.limits.window.as_millis() as i64;
        let mut cutoff = now.saturating_sub(window);
        state.drop_before(cutoff);
        while state.samples > self.limits.samples && cutoff < now {
            cutoff += (window / 16).max(1);
            state.drop_before(cutoff);
        }
    }

    /// The series that match, with their points in `from..=to`; those without any are left out.
    pub fn select(&self, matchers: &[Matcher], from: i64, to: i64) -> Vec<Series> {
        self.read(|state| {
            let rows = state.matching(matchers);
            let series = rows.map(|(labels, row)| Series {
                labels: labels.clone(),
                points: row.points(from, to),
            });
            series.filter(|series| !series.points.is_empty()).collect()
        })
    }

    /// The labels of the series that match and have a chunk in `from..=to`.
    pub fn series(&self, matchers: &[Matcher], from: i64, to: i64) -> Vec<Labels> {
        self.read(|state| {
            let rows = state
                .matching(matchers)
                .filter(|(_, row)| row.touches(from, to));
            rows.map(|(labels, _)| labels.clone()).collect()
        })
    }

    /// The values of a label over the series that match.
    pub fn values(
        &self,
        label: &str,
        matchers: &[Matcher],
        from: i64,
        to: i64,
    ) -> BTreeSet<String> {
        let series = self.series(matchers, from, to);
        let values = series.iter().map(|labels| labels.get(label).to_owned());
        values.filter(|value| !value.is_empty()).collect()
    }

    /// How much is kept.
    pub fn sizes(&self) -> Sizes {
        self.read(|state| {
            let rows = state.metrics.values().flat_map(BTreeMap::values);
            let bytes = rows.flat_map(|row| &row.chunks).map(Chunk::bytes).sum();
            Sizes {
                series: state.series,
                samples: state.samples,
                bytes,
            }
        })
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}
