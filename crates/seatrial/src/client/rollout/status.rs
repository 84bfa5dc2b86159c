//! `rollout status`: until it is healthy or degraded.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use seatrial_resources::argoproj::RolloutPhase;
use tokio::time::Instant;

use super::{INTERVAL, Place, info};
use crate::client::connect::Session;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Not at all.
    Now,
    /// So long.
    After(Duration),
    /// Without end.
    Never,
}

/// Prints each change of phase; 0 once healthy, 1 once degraded.
pub(super) async fn run(
    session: &Session,
    place: &Place,
    limit: Limit,
) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let (phase, message) = info::phase(&place.read().await?);
        let line = match message.as_str() {
            "" => format!("{phase:?}"),
            message => format!("{phase:?} - {message}"),
        };
        if line != said {
            session.screen.line(&line);
            said = line;
        }
        match (phase, limit) {
            (RolloutPhase::Degraded, _) => return Ok(ExitCode::FAILURE),
            (RolloutPhase::Healthy, _) | (_, Limit::Now) => return Ok(ExitCode::SUCCESS),
            (_, Limit::After(limit)) if start.elapsed() >= limit => bail!(
                "{} is neither healthy nor degraded after {}s: {said}; see `seatrial rollout get {} -n {}`",
                place.describe(),
                limit.as_secs(),
                place.name,
                place.namespace
            ),
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
}
