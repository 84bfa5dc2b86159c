//! `/metrics`: what the server did, as Prometheus reads it, under the names of upstream's API server.
//!
//! ```text
//!   request ──▶ count ──▶ gate ──▶ router          a Series for each kind of request:
//!                 │                                codes, durations, and how many go on
//!                 └── when it ends ──▶ Metrics ◀── a scrape ──▶ Page ◀── Sources (whoever composes the server)
//! ```
//!
//! **Invariants**
//! - What a client writes never becomes a label: only kinds that are served do.
//! - Counting a request costs one look-up and one lock that nobody holds for long.

mod count;
mod labels;
mod page;
mod series;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State as Shared;
use axum::response::Response;
use http::{HeaderValue, header};

pub(crate) use count::{Underway, count};
pub use page::{Family, Page};

use crate::registry::Verbs;
use crate::state::State;
use labels::Labels;
use series::Series;

/// Somebody who has figures of their own to add to the page.
pub trait Source: Send + Sync {
    /// Writes them.
    fn write(&self, page: &mut Page);
}

/// Requests that are being answered, by what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    ReadOnly,
    Mutating,
}

/// What was counted since the server began.
#[derive(Default)]
pub struct Metrics {
    series: RwLock<BTreeMap<String, Arc<Series>>>,
    reading: AtomicI64,
    writing: AtomicI64,
    sources: RwLock<Vec<Arc<dyn Source>>>,
}

impl Metrics {
    /// Adds the figures of somebody else to each page.
    pub fn gather_from(&self, source: Arc<dyn Source>) {
        self.sources
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(source);
    }

    fn inflight(&self, effect: Effect) -> &AtomicI64 {
        match effect {
            Effect::ReadOnly => &self.reading,
            Effect::Mutating => &self.writing,
        }
    }

    /// Where requests like this are counted.
    fn series(&self, state: &State, labels: &Labels<'_>) -> Arc<Series> {
        let key = labels.text();
        let find = |key: &str| {
            let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
            series.get(key).map(Arc::clone)
        };
        if let Some(series) = find(&key) {
            return series;
        }
        if !labels.served(&state.registry()) {
            return self.series(state, &labels.unknown());
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Series::new(labels));
        Arc::clone(series.entry(key).or_insert_with(new))
    }

    fn write(&self, page: &mut Page) {
        let series: Vec<Arc<Series>> = {
            let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
            series.values().cloned().collect()
        };
        series::write(&series, page);
        page.family(Family::Gauge, "apiserver_current_inflight_requests", "Requests that are being answered and will not take long, by whether they may change something.");
        for (kind, counter) in [("mutating", &self.writing), ("readOnly", &self.reading)] {
            let value = counter.load(Ordering::Relaxed);
            page.sample(&[("request_kind", kind)], value);
        }
    }
}

/// How many objects of each kind there are.
fn objects(state: &State, page: &mut Page) {
    page.family(
        Family::Gauge,
        "apiserver_storage_objects",
        "Stored objects, by resource.",
    );
    let counts = state.store.counts();
    let registry = state.registry();
    let stored = registry
        .kinds()
        .filter(|kind| matches!(kind.verbs, Verbs::All | Verbs::NoCollection));
    let mut all: BTreeMap<&str, usize> = stored.map(|kind| (&*kind.resource, 0)).collect();
    all.extend(counts.iter().map(|(name, count)| (name.as_str(), *count)));
    for (resource, count) in all {
        page.sample(&[("resource", resource)], count);
    }
    page.family(
        Family::Gauge,
        "seatrial_store_revision",
        "The revision of the newest change that can be seen.",
    );
    page.sample(&[], state.store.revision());
}

/// `GET /metrics`.
pub(crate) async fn show(Shared(state): Shared<Arc<State>>) -> Response {
    let mut page = Page::default();
    state.metrics.write(&mut page);
    objects(&state, &mut page);
    crate::discovery::build(&mut page);
    let sources = state.metrics.sources.read();
    let sources = sources.unwrap_or_else(PoisonError::into_inner).clone();
    for source in sources {
        source.write(&mut page);
    }
    let mut response = Response::new(page.into_text().into());
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
