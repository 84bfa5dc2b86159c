//! Numbers for analyses: from the embedded metrics, or from a Prometheus elsewhere.

use async_trait::async_trait;
use seatrial_rollouts::metrics::{Answer, Metrics as Port, Unanswered};
use seatrial_telemetry::{Telemetry, Value};

/// Names under which manifests know the embedded server.
const OWN_NAMES: [&str; 4] = [
    "prometheus",
    "prometheus-server",
    "prometheus.monitoring",
    "prometheus.monitoring.svc.cluster.local",
];

/// The embedded metrics as analyses see them.
pub(crate) struct Metrics(pub(crate) Telemetry);

#[async_trait]
impl Port for Metrics {
    async fn query(&self, address: &str, query: &str) -> Result<Answer, Unanswered> {
        let host = address.split("://").last().unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if !OWN_NAMES.contains(&host) {
            return Err(Unanswered(format!(
                "no Prometheus at {address}: in the embedded cluster use http://prometheus:9090"
            )));
        }
        let value = self.0.query(query, self.0.now());
        let value = value.map_err(|error| Unanswered(format!("{address}: {error}")))?;
        match value {
            Value::Scalar(number) => Ok(Answer::Scalar(number)),
            Value::Vector(samples) => Ok(Answer::Vector(
                samples.into_iter().map(|sample| sample.value).collect(),
            )),
            _ => Err(Unanswered(
                "the query returned neither a number nor a vector".to_owned(),
            )),
        }
    }
}
