//! About the server and what it scrapes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Uri;
use serde_json::{Value, json};

use super::answer::{Failure, Success};
use super::parameters::Parameters;
use crate::Telemetry;
use crate::exposition::Metadata;
use crate::scrape::TargetStatus;

/// `/api/v1/metadata`
pub(super) async fn metadata(
    State(telemetry): State<Telemetry>,
    parameters: Parameters,
) -> Result<Success<BTreeMap<String, Vec<Metadata>>>, Failure> {
    let wanted = |name: &String| parameters.get("metric").is_none_or(|metric| metric == name);
    let known = telemetry
        .store()
        .metadata()
        .into_iter()
        .filter(|(name, _)| wanted(name));
    let known = known.map(|(name, metadata)| (name, vec![metadata]));
    Ok(Success(known.take(parameters.limit()?).collect()))
}

/// `/api/v1/targets`
pub(super) async fn targets(State(telemetry): State<Telemetry>) -> Success<Value> {
    let active: Vec<Value> = telemetry.targets().iter().map(target).collect();
    Success(json!({"activeTargets": active, "droppedTargets": []}))
}

fn target(status: &TargetStatus) -> Value {
    let (health, error) = match &status.result {
        Ok(_) => ("up", ""),
        Err(error) => ("down", error.as_str()),
    };
    json!({
        "discoveredLabels": {},
        "labels": status.labels,
        "scrapePool": status.labels.get("job"),
        "scrapeUrl": status.labels.get("instance"),
        "lastError": error,
        "lastScrape": status.at.to_string(),
        "lastScrapeDuration": status.took.as_secs_f64(),
        "health": health,
    })
}

/// `/api/v1/status/buildinfo`. The version is that of the Prometheus whose answers these are; tools
/// choose by it what they may ask.
pub(super) async fn build() -> Success<Value> {
    Success(json!({
        "version": "3.0.0",
        "revision": concat!("seatrial-", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// `/-/healthy` and `/-/ready`
pub(super) async fn healthy() -> &'static str {
    "Seatrial's metrics are healthy.\n"
}

/// `/metrics`
pub(super) async fn metrics(State(telemetry): State<Telemetry>) -> String {
    let sizes = telemetry.store().sizes();
    let gauges = [
        ("seatrial_telemetry_series", "Series kept.", sizes.series),
        ("seatrial_telemetry_samples", "Samples kept.", sizes.samples),
        (
            "seatrial_telemetry_bytes",
            "Bytes of compressed samples.",
            sizes.bytes,
        ),
        (
            "seatrial_telemetry_targets",
            "Targets of the last scrape.",
            telemetry.targets().len(),
        ),
    ];
    let lines = gauges.map(|(name, help, value)| {
        format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n")
    });
    lines.concat()
}

/// Everything else.
pub(super) async fn unknown(uri: Uri) -> Failure {
    Failure::NotFound(format!(
        "there is no page {:?}; queries go to /api/v1/query",
        uri.path()
    ))
}
