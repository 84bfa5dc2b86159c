//! `app diff`: what a sync would change.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use seatrial_gitops::Source;
use seatrial_gitops::diff::{self, ObjectDiff};
use seatrial_resources::argoproj::{ARGOCD_NAMESPACE, SyncStatusCode};

use super::{Place, state, view};
use crate::client::connect::Session;
use crate::client::style::{Paint, Tone};

/// Prints the differences; 1 where there is any. Without the repository the status only says which
/// objects differ.
pub(super) async fn print(
    session: &Session,
    place: &Place,
    repositories: Option<&Arc<dyn Source>>,
) -> anyhow::Result<ExitCode> {
    let app = place.read().await?;
    let paint = session.screen.paint();
    let text = match repositories {
        Some(source) => {
            let compared = diff::of(session.client.clone(), &app, source, ARGOCD_NAMESPACE);
            // Rendering and comparing is much at once; commands that do neither stay small.
            let differences = Box::pin(compared).await;
            let differences =
                differences.with_context(|| format!("comparing {}", place.describe()))?;
            differences
                .iter()
                .map(|difference| unified(difference, paint))
                .collect()
        }
        None if state::sync(&app) == SyncStatusCode::Unknown => bail!(
            "{} was not compared yet{}",
            place.describe(),
            state::complaint(&app)
                .map(|why| format!(": {why}"))
                .unwrap_or_default()
        ),
        None => view::differences(&app, paint).unwrap_or_default(),
    };
    if text.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    session.screen.print(&text);
    if repositories.is_none() {
        session
            .screen
            .error("(its repository is not on this machine: only objects are named)");
    }
    Ok(ExitCode::FAILURE)
}

/// One object's difference below a heading.
fn unified(difference: &ObjectDiff, paint: Paint) -> String {
    let group = match difference.group.as_str() {
        "" => String::new(),
        group => format!("{group}/"),
    };
    let place = format!(
        "{group}{} {}/{}",
        difference.kind, difference.namespace, difference.name
    );
    let mut text = format!("===== {place} =====\n");
    for line in difference.unified.lines() {
        let line = match line.as_bytes().first() {
            Some(b'+') => paint.tint(Tone::Good, line),
            Some(b'-') => paint.tint(Tone::Bad, line),
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}
