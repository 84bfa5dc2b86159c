//! Prometheus' HTTP API (<https://prometheus.io/docs/prometheus/latest/querying/api/>).
//!
//! What tools such as Grafana, `promtool` and Argo Rollouts ask for: queries, series, labels, metadata,
//! targets. Administration, rules, alerts and remote storage do not exist here and answer 404.

mod answer;
mod parameters;
mod query;
mod series;
mod status;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::get;

use crate::Telemetry;

/// The API over this telemetry. Binds nothing.
pub fn router(telemetry: Telemetry) -> Router {
    Router::new()
        .route("/api/v1/query", get(query::instant).post(query::instant))
        .route("/api/v1/query_range", get(query::range).post(query::range))
        .route("/api/v1/series", get(series::series).post(series::series))
        .route("/api/v1/labels", get(series::labels).post(series::labels))
        .route("/api/v1/label/{name}/values", get(series::values))
        .route("/api/v1/metadata", get(status::metadata))
        .route("/api/v1/targets", get(status::targets))
        .route("/api/v1/status/buildinfo", get(status::build))
        .route("/-/healthy", get(status::healthy))
        .route("/-/ready", get(status::healthy))
        .route("/metrics", get(status::metrics))
        .fallback(status::unknown)
        .with_state(telemetry)
}
