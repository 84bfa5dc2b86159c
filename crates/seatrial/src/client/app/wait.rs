//! `app wait`: until an application is as wanted.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use seatrial_resources::argoproj::{Application, HealthStatusCode, SyncStatusCode};
use tokio::time::Instant;

use super::refresh::INTERVAL;
use super::{Place, state, view};
use crate::client::connect::Session;
use crate::client::duration;

/// Wait until an application is synced, healthy and at rest
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Without any of --sync, --health, --suspended, --degraded and --operation, waits for the first two and the last.
Exit code 1 where it does not happen in time.")]
pub(super) struct Wait {
    /// The application
    pub(super) name: String,
    /// Wait until it is Synced
    #[arg(long)]
    sync: bool,
    /// Wait until it is Healthy
    #[arg(long)]
    health: bool,
    /// Wait until it is Suspended
    #[arg(long)]
    suspended: bool,
    /// Wait until it is Degraded
    #[arg(long)]
    degraded: bool,
    /// Wait until no operation is under way
    #[arg(long)]
    operation: bool,
    /// How long to wait
    #[arg(long, value_parser = duration::parse, default_value = "5m")]
    timeout: Duration,
}

impl Wait {
    /// Waits, and prints each change of state once.
    pub(super) async fn run(&self, session: &Session, place: &Place) -> anyhow::Result<ExitCode> {
        let deadline = Instant::now() + self.timeout;
        let mut said = String::new();
        loop {
            let app = place.read().await?;
            let line = view::one_line(&app, session.screen.paint());
            if line != said {
                session.screen.line(&line);
                said = line;
            }
            if self.is_reached(&app) {
                return Ok(ExitCode::SUCCESS);
            }
            if Instant::now() >= deadline {
                session.screen.line(format!(
                    "{} did not come there within {}s; see `seatrial app get {}`",
                    place.describe(),
                    self.timeout.as_secs(),
                    place.name
                ));
                return Ok(ExitCode::FAILURE);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn is_reached(&self, app: &Application) -> bool {
        let healths = [
            (self.health, HealthStatusCode::Healthy),
            (self.suspended, HealthStatusCode::Suspended),
            (self.degraded, HealthStatusCode::Degraded),
        ];
        let mut wanted: Vec<_> = healths
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, code)| *code)
            .collect();
        let any = self.sync || self.operation || !wanted.is_empty();
        if !any {
            wanted.push(HealthStatusCode::Healthy);
        }
        let synced = (any && !self.sync) || state::sync(app) == SyncStatusCode::Synced;
        let at_rest = (any && !self.operation) || !state::is_busy(app);
        let healthy = wanted.is_empty() || wanted.contains(&state::health(app));
        synced && at_rest && healthy
    }
}
