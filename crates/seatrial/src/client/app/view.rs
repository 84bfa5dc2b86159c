//! Applications as text. Pure.

use jiff::Timestamp;
use seatrial_resources::argoproj::{Application, OperationState, RevisionHistory, SyncStatusCode};

use super::super::duration::age;
use super::super::output::Format;
use super::super::style::{Paint, Tone, short};
use super::super::table::Table;
use super::state;

/// The table of `app list`.
pub(super) fn list(apps: &[Application], format: Format, paint: Paint, now: Timestamp) -> String {
    if apps.is_empty() {
        return "No applications. Apply one: kubectl apply -f application.yaml\n".to_owned();
    }
    let mut header = vec![
        "NAME",
        "SYNC",
        "HEALTH",
        "REVISION",
        "DESTINATION",
        "LAST SYNC",
    ];
    if format == Format::Wide {
        header.extend(["PROJECT", "POLICY", "REPOSITORY", "PATH", "TARGET"]);
    }
    header.push("CONDITIONS");
    let mut table = Table::new(&header);
    for app in apps {
        table.row(list_row(app, format, paint, now));
    }
    table.render()
}

fn list_row(app: &Application, format: Format, paint: Paint, now: Timestamp) -> Vec<String> {
    let metadata = &app.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let ended = state::operation(app).and_then(|operation| operation.finished_at.as_ref());
    let mut row = vec![
        format!("{namespace}/{name}"),
        paint.word(&format!("{:?}", state::sync(app))),
        paint.word(&format!("{:?}", state::health(app))),
        dash(short(state::revision(app))),
        dash(
            app.spec
                .destination
                .namespace
                .as_deref()
                .unwrap_or_default(),
        ),
        ended.map_or_else(|| "-".to_owned(), |time| age(Some(time.0), now)),
    ];
    if format == Format::Wide {
        let source = state::source(app).cloned().unwrap_or_default();
        row.extend([
            app.spec.project.clone(),
            state::policy(app.spec.sync_policy.as_ref()),
            source.repo_url,
            source.path.unwrap_or_else(|| ".".to_owned()),
            source.target_revision.unwrap_or_else(|| "HEAD".to_owned()),
        ]);
    }
    let conditions = app
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let names: Vec<_> = conditions
        .unwrap_or_default()
        .iter()
        .map(|one| one.type_.as_str())
        .collect();
    row.push(if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(",")
    });
    row
}

fn dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// Name, sync and health on one line.
pub(super) fn one_line(app: &Application, paint: Paint) -> String {
    let reason = state::reason(app)
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    format!(
        "{}  {}  {}  {}{reason}",
        app.metadata.name.as_deref().unwrap_or_default(),
        paint.word(&format!("{:?}", state::sync(app))),
        short(state::revision(app)),
        paint.word(&format!("{:?}", state::health(app))),
    )
}

/// Phase, time and message of an operation.
pub(super) fn operation_line(operation: &OperationState, paint: Paint, now: Timestamp) -> String {
    let phase = paint.word(&format!("{:?}", operation.phase));
    let time = operation
        .finished_at
        .as_ref()
        .or(operation.started_at.as_ref());
    let ago = time
        .map(|time| format!(" {} ago", age(Some(time.0), now)))
        .unwrap_or_default();
    let message = operation.message.as_deref().unwrap_or_default();
    let message = if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    };
    format!("{phase}{ago}{message}")
}

/// The table of `app history`, oldest first.
pub(super) fn history(history: &[RevisionHistory], now: Timestamp) -> String {
    let mut table = Table::new(&["ID", "DATE", "AGE", "REVISION", "TARGET", "BY"]);
    for entry in history {
        let time = entry.deployed_at.as_ref().map(|time| time.0);
        let by = entry.initiated_by.clone().unwrap_or_default();
        let by = match (by.username, by.automated) {
            (_, Some(true)) => "automated sync".to_owned(),
            (Some(user), _) => user,
            (None, _) => "-".to_owned(),
        };
        let target = entry
            .source
            .as_ref()
            .and_then(|source| source.target_revision.clone());
        table.row([
            entry.id.to_string(),
            time.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            age(time, now),
            short(&entry.revision).to_owned(),
            target.unwrap_or_else(|| "HEAD".to_owned()),
            by,
        ]);
    }
    table.render()
}

/// The objects that are not as the repository says; nothing where all are.
pub(super) fn differences(app: &Application, paint: Paint) -> Option<String> {
    let mut text = String::new();
    for resource in state::resources(app) {
        if resource.status != Some(SyncStatusCode::OutOfSync) {
            continue;
        }
        let missing = resource.health.as_ref().and_then(|health| health.status)
            == Some(seatrial_resources::argoproj::HealthStatusCode::Missing);
        let what = match resource.requires_pruning {
            Some(true) => paint.tint(Tone::Bad, "- gone from the repository, would be pruned"),
            _ if missing => paint.tint(Tone::Good, "+ not in the cluster, would be created"),
            _ => paint.tint(Tone::Busy, "~ differs, would be changed"),
        };
        text.push_str(&format!("{what}: {}\n", state::describe(resource)));
    }
    if text.is_empty() && state::sync(app) == SyncStatusCode::OutOfSync {
        text.push_str("OutOfSync, and the status names no object\n");
    }
    (!text.is_empty()).then_some(text)
}
