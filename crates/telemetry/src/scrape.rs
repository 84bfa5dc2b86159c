//! Collects metrics: asks every target for its page, again and again.

mod pods;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};

pub use pods::{PodTarget, pod_target};

use crate::Telemetry;
use crate::exposition::{self, Page};
use crate::labels::{Labels, METRIC_NAME};
use crate::store::{Point, stale_marker};

/// Why a page could not be had.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Something that shows metrics.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The page in Prometheus' text format.
    async fn page(&self) -> Result<String, FetchError>;
}

/// A page that this process renders itself, such as the gateway's.
pub struct Rendered<F>(
    /// Renders the page.
    pub F,
);

#[async_trait]
impl<F: Fn() -> String + Send + Sync + 'static> Source for Rendered<F> {
    async fn page(&self) -> Result<String, FetchError> {
        Ok((self.0)())
    }
}

/// What there is to scrape, asked before each round. The binary supplies it.
#[async_trait]
pub trait Targets: Send + Sync + 'static {
    /// The targets of this moment.
    async fn targets(&self) -> Vec<Target>;
}

/// One thing to scrape.
#[derive(Clone)]
pub struct Target {
    /// Labels put on every series of the target: at least `job` and `instance`. They tell targets apart.
    pub labels: Labels,
    /// What to do when the page has one of those labels too.
    pub conflicts: Conflicts,
    /// Where the page comes from.
    pub source: Arc<dyn Source>,
}

/// Whose label holds when target and page have the same (Prometheus' `honor_labels`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflicts {
    /// The target's; the page's is renamed to `exported_<name>`.
    #[default]
    TargetHolds,
    /// The page's. For pages that speak about others, such as the gateway's.
    PageHolds,
}

/// The rhythm of scraping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// From one round to the next.
    pub interval: Duration,
    /// How long a target may take; never longer than the interval.
    pub timeout: Duration,
}

impl Default for Rhythm {
    /// Every second: short-lived rollouts on an embedded cluster need data soon.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        }
    }
}

/// How a target was when it was last asked.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// The target's labels.
    pub labels: Labels,
    /// When it was asked.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many samples it showed, or why none.
    pub result: Result<usize, String>,
}

/// Scrapes for ever.
pub async fn run(telemetry: Telemetry, targets: Arc<dyn Targets>, rhythm: Rhythm) {
    let mut scraper = Scraper::new(telemetry, rhythm);
    let mut ticks = tokio::time::interval(rhythm.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        scraper.round(targets.targets().await).await;
    }
}

/// Scrapes round by round, and remembers what each target showed: so series are named only once, and
/// those that end are marked.
#[derive(Debug)]
pub struct Scraper {
    telemetry: Telemetry,
    rhythm: Rhythm,
    shown: BTreeMap<Labels, Shown>,
    expired_at: i64,
}

/// The series that a target showed last, by their text in its page.
type Shown = BTreeMap<String, Labels>;

/// How often old samples are dropped, in milliseconds.
const EXPIRY: i64 = 30_000;

/// What is stored about each scrape.
const ABOUT: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

impl Scraper {
    /// A scraper that has seen nothing yet.
    pub fn new(telemetry: Telemetry, rhythm: Rhythm) -> Self {
        Self {
            telemetry,
            rhythm,
            shown: BTreeMap::new(),
            expired_at: 0,
        }
    }

    /// Asks all targets at once, and stores what they show in the order of their labels.
    /// All samples of a round have the time of its start, unless the page says otherwise.
    pub async fn round(&mut self, mut targets: Vec<Target>) {
        targets.sort_by(|left, right| left.labels.cmp(&right.labels));
        targets.dedup_by(|left, right| left.labels == right.labels);
        let at = self.telemetry.now();
        let limit = self.rhythm.timeout.min(self.rhythm.interval);
        let texts = join_all(targets.iter().map(|target| fetch(target, limit))).await;
        let before = std::mem::take(&mut self.shown);
        let mut statuses = Vec::new();
        for (target, (text, took)) in targets.iter().zip(texts) {
            let known = before.get(&target.labels);
            let scrape = Scrape::read(target, text, known);
            statuses.push(TargetStatus {
                labels: target.labels.clone(),
                at,
                took,
                result: scrape
                    .page
                    .as_ref()
                    .map(|page| page.samples.len())
                    .map_err(Clone::clone),
            });
            let shown = self.store(target, scrape, took, at.as_millisecond());
            self.shown.insert(target.labels.clone(), shown);
        }
        self.mark_ended(&before, at.as_millisecond());
        self.telemetry.set_targets(statuses);
        if at.as_millisecond() - self.expired_at >= EXPIRY {
            self.expired_at = at.as_millisecond();
            self.telemetry.store().expire(self.expired_at);
        }
    }

    /// Stores a page and what is to be said about the scrape; returns the series.
    fn store(&self, target: &Target, scrape: Scrape, took: Duration, at: i64) -> Shown {
        let Scrape { page, mut shown } = scrape;
        let up = f64::from(u8::from(page.is_ok()));
        let page = page.unwrap_or_default();
        let values = [up, took.as_secs_f64(), page.samples.len() as f64];
        self.telemetry.store().describe(page.metadata);
        let samples = page.samples.into_iter().map(|sample| {
            let time = sample.timestamp.unwrap_or(at);
            (
                sample.labels,
                Point {
                    time,
                    value: sample.value,
                },
            )
        });
        let mut samples: Vec<(Labels, Point)> = samples.collect();
        for (name, value) in ABOUT.into_iter().zip(values) {
            // No series of a page has such a text.
            let labels = shown
                .entry(format!("# {name}"))
                .or_insert_with(|| target.labels.with(METRIC_NAME, name));
            samples.push((labels.clone(), Point { time: at, value }));
        }
        for error in self.telemetry.store().append_all(samples) {
            tracing::debug!(%error, target = %target.labels, "a sample was not taken");
        }
        shown
    }

    fn mark_ended(&self, before: &BTreeMap<Labels, Shown>, at: i64) {
        let is_shown = |target: &Labels, text: &String| {
            self.shown
                .get(target)
                .is_some_and(|shown| shown.contains_key(text))
        };
        let gone = before.iter().flat_map(|(target, shown)| {
            shown
                .iter()
                .filter(move |(text, _)| !is_shown(target, text))
        });
        let gone: BTreeSet<&Labels> = gone.map(|(_, series)| series).collect();
        if gone.is_empty() {
            return;
        }
        // A series may be written in another way, or be shown by another target now.
        let now: BTreeSet<&Labels> = self.shown.values().flat_map(BTreeMap::values).collect();
        let ended = gone.difference(&now);
        let marker = Point {
            time: at,
            value: stale_marker(),
        };
        let _ = self
            .telemetry
            .store()
            .append_all(ended.map(|series| ((*series).clone(), marker)));
    }
}

/// A page that was read, or why it was not, and the series it shows.
struct Scrape {
    page: Result<Page, String>,
    shown: Shown,
}

impl Scrape {
    fn read(target: &Target, text: Result<String, String>, known: Option<&Shown>) -> Self {
        let mut shown = Shown::new();
        let page = text.and_then(|text| {
            let page = exposition::parse_with(&text, |series| {
                let labels = match known.and_then(|known| known.get(series)) {
                    Some(labels) => labels.clone(),
                    None => merge(target, &exposition::labels(series)?),
                };
                shown.insert(series.to_owned(), labels.clone());
                Ok(labels)
            });
            page.map_err(|error| error.to_string())
        });
        if page.is_err() {
            shown.clear();
        }
        Self { page, shown }
    }
}

async fn fetch(target: &Target, limit: Duration) -> (Result<String, String>, Duration) {
    let started = Instant::now();
    let text = match tokio::time::timeout(limit, target.source.page()).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(chain(&*error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    };
    (text, started.elapsed())
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The labels of a page's sample together with the target's.
fn merge(target: &Target, page: &Labels) -> Labels {
    let mut merged = page.clone();
    for (name, value) in target.labels.iter() {
        let paged = page.get(name);
        if paged.is_empty() {
            merged = merged.with(name, value);
        } else if target.conflicts == Conflicts::TargetHolds {
            merged = merged
                .with(&format!("exported_{name}"), paged)
                .with(name, value);
        }
    }
    merged
}
