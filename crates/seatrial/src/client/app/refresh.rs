//! Asks the controller to compare now.

use std::time::Duration;

use anyhow::bail;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use seatrial_resources::argoproj::Application;
use serde_json::json;
use tokio::time::Instant;

use super::Place;
use crate::client::connect::{Session, failed, is_missing};

/// How long `get --refresh` waits.
pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// How often the object is looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

const ANNOTATION: &str = "argocd.argoproj.io/refresh";

/// How thorough to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Compare with the newest commit.
    Normal,
    /// The same, and render anew.
    Hard,
}

impl Kind {
    /// What two flags ask for.
    pub(super) fn of(normal: bool, hard: bool) -> Option<Self> {
        match (normal, hard) {
            (_, true) => Some(Self::Hard),
            (true, false) => Some(Self::Normal),
            (false, false) => None,
        }
    }
}

/// Sets Argo CD's refresh annotation and waits until the controller has taken it away.
pub(super) async fn refresh(
    _: &Session,
    place: &Place,
    kind: Kind,
    limit: Duration,
) -> anyhow::Result<Application> {
    let value = if kind == Kind::Hard { "hard" } else { "normal" };
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { ANNOTATION: value } } }));
    match place
        .api
        .patch(&place.name, &PatchParams::default(), &patch)
        .await
    {
        Ok(_) => {}
        Err(error) if is_missing(&error) => {
            place.read().await?;
        }
        Err(error) => {
            return Err(failed(
                error,
                &format!("asking to refresh {}", place.describe()),
            ));
        }
    }
    let deadline = Instant::now() + limit;
    loop {
        let app = place.read().await?;
        if !app.annotations().contains_key(ANNOTATION) {
            return Ok(app);
        }
        if Instant::now() >= deadline {
            bail!(
                "{} was not refreshed within {}s: is its controller running? See `seatrial status`",
                place.describe(),
                limit.as_secs()
            );
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
