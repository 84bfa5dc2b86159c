//! Queries.

use axum::extract::State;

use super::answer::{Failure, QueryData, Success};
use super::parameters::Parameters;
use crate::Telemetry;
use crate::promql::{self, Error, Value};

/// `/api/v1/query`
pub(super) async fn instant(
    State(telemetry): State<Telemetry>,
    parameters: Parameters,
) -> Result<Success<QueryData>, Failure> {
    let now = telemetry.now().as_millisecond();
    let at = parameters.time("time")?.unwrap_or(now);
    let text = parameters.required("query")?.to_owned();
    let evaluate = move || promql::instant(telemetry.store(), telemetry.options(), &text, at);
    Ok(Success(QueryData {
        value: in_background(evaluate).await?,
        at,
    }))
}

/// `/api/v1/query_range`
pub(super) async fn range(
    State(telemetry): State<Telemetry>,
    parameters: Parameters,
) -> Result<Success<QueryData>, Failure> {
    let time = |name: &str| {
        parameters
            .time(name)?
            .ok_or_else(|| Failure::parameter(name, "it is missing"))
    };
    let (start, end) = (time("start")?, time("end")?);
    let step = parameters.duration("step")?;
    let text = parameters.required("query")?.to_owned();
    let evaluate = move || {
        promql::range(
            telemetry.store(),
            telemetry.options(),
            &text,
            (start, end),
            step,
        )
    };
    Ok(Success(QueryData {
        value: in_background(evaluate).await?,
        at: end,
    }))
}

/// A query can take long: it must not keep the server's threads.
async fn in_background(
    evaluate: impl FnOnce() -> Result<Value, Error> + Send + 'static,
) -> Result<Value, Failure> {
    let result = tokio::task::spawn_blocking(evaluate).await;
    Ok(result.map_err(|error| Failure::Internal(error.to_string()))??)
}
