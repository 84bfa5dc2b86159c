//! Which series and labels there are.

use std::collections::BTreeSet;

use axum::extract::{Path, State};

use super::answer::{Failure, Success};
use super::parameters::Parameters;
use crate::labels::{Labels, is_label_name};
use crate::{Matcher, Telemetry};

/// `/api/v1/series`
pub(super) async fn series(
    State(telemetry): State<Telemetry>,
    parameters: Parameters,
) -> Result<Success<Vec<Labels>>, Failure> {
    let selectors = parameters.selectors()?;
    if selectors.is_empty() {
        return Err(Failure::BadData("no match[] parameter provided".to_owned()));
    }
    let found = matching(&telemetry, &selectors, parameters.window()?);
    Ok(Success(
        found.into_iter().take(parameters.limit()?).collect(),
    ))
}

/// `/api/v1/labels`
pub(super) async fn labels(
    State(telemetry): State<Telemetry>,
    parameters: Parameters,
) -> Result<Success<Vec<String>>, Failure> {
    let series = matching(
        &telemetry,
        &or_all(parameters.selectors()?),
        parameters.window()?,
    );
    let names: BTreeSet<&str> = series
        .iter()
        .flat_map(|labels| labels.iter().map(|(name, _)| &**name))
        .collect();
    Ok(Success(
        names
            .into_iter()
            .map(str::to_owned)
            .take(parameters.limit()?)
            .collect(),
    ))
}

/// `/api/v1/label/<name>/values`
pub(super) async fn values(
    State(telemetry): State<Telemetry>,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Success<Vec<String>>, Failure> {
    if !is_label_name(&name) {
        return Err(Failure::BadData(format!("invalid label name: {name:?}")));
    }
    let (from, to) = parameters.window()?;
    let selectors = or_all(parameters.selectors()?);
    let values: BTreeSet<String> = selectors
        .iter()
        .flat_map(|matchers| telemetry.store().values(&name, matchers, from, to))
        .collect();
    Ok(Success(
        values.into_iter().take(parameters.limit()?).collect(),
    ))
}

/// No selector means every series.
fn or_all(selectors: Vec<Vec<Matcher>>) -> Vec<Vec<Matcher>> {
    if selectors.is_empty() {
        vec![Vec::new()]
    } else {
        selectors
    }
}

fn matching(
    telemetry: &Telemetry,
    selectors: &[Vec<Matcher>],
    (from, to): (i64, i64),
) -> BTreeSet<Labels> {
    selectors
        .iter()
        .flat_map(|matchers| telemetry.store().series(matchers, from, to))
        .collect()
}
