//! Metrics: collects them, keeps a window of them in memory, and answers PromQL about them.
//!
//! ```text
//!   Targets ──▶ scrape ── exposition ──▶ Store ◀── append
//!   (port)                                 │
//!                         promql ──────────┤
//!                           ▲              │
//!              Telemetry::query       http::router  /api/v1/query, query_range, series, ...
//! ```
//!
//! **Invariants**
//! - The clock is handed in; the same samples and the same query give the same answer, in the same order.
//! - Memory is bounded: by the window, by the number of samples and by the number of series.
//! - A page or a query that cannot be read gives the line, or the line and column, where it is wrong.

pub mod exposition;
mod format;
pub mod http;
mod labels;
mod matcher;
pub mod promql;
pub mod scrape;
pub mod store;
mod telemetry;

pub use labels::{Labels, METRIC_NAME};
pub use matcher::Matcher;
pub use promql::{Error, Sample, Value};
pub use store::{Limits, Point, Series};
pub use telemetry::Telemetry;
