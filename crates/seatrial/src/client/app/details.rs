//! One application as text. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seatrial_resources::argoproj::{Application, ResourceStatus, SyncStatusCode};

use super::state;
use super::view::operation_line;
use crate::client::duration::age;
use crate::client::style::{Paint, Tone, short};
use crate::client::table::Table;

/// The text of `app get`.
pub(super) fn details(app: &Application, paint: Paint, now: Timestamp) -> String {
    let mut text = String::new();
    for (label, value) in facts(app, paint, now) {
        text.push_str(&format!("{:<18}{value}\n", format!("{label}:")));
    }
    let conditions = app
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let mut table = Table::new(&["CONDITION", "MESSAGE", "AGE"]);
    for condition in conditions.unwrap_or_default() {
        let since = condition.last_transition_time.as_ref().map(|time| time.0);
        let kind = paint.tint(Tone::Bad, &condition.type_);
        table.row([kind, condition.message.clone(), age(since, now)]);
    }
    if !table.is_empty() {
        text.push_str(&format!("\n{}", table.render()));
    }
    if !state::resources(app).is_empty() {
        text.push_str(&format!("\n{}", resources(app, paint)));
    }
    text
}

fn facts(app: &Application, paint: Paint, now: Timestamp) -> Vec<(&'static str, String)> {
    let metadata = &app.metadata;
    let destination = &app.spec.destination;
    let server = destination
        .server
        .clone()
        .or_else(|| destination.name.clone());
    let mut facts = vec![
        (
            "Name",
            format!(
                "{}/{}",
                metadata.namespace.as_deref().unwrap_or_default(),
                metadata.name.as_deref().unwrap_or_default()
            ),
        ),
        ("Project", app.spec.project.clone()),
        ("Server", server.unwrap_or_default()),
        (
            "Namespace",
            destination.namespace.clone().unwrap_or_default(),
        ),
    ];
    if let Some(source) = state::source(app) {
        facts.push(("Repository", source.repo_url.clone()));
        facts.push((
            "Target",
            source
                .target_revision
                .clone()
                .unwrap_or_else(|| "HEAD".to_owned()),
        ));
        facts.push((
            "Path",
            source.path.clone().unwrap_or_else(|| ".".to_owned()),
        ));
    }
    facts.push(("Sync Policy", state::policy(app.spec.sync_policy.as_ref())));
    facts.push(("Sync Status", sync_line(app, paint)));
    let reason = state::reason(app)
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let health = paint.word(&format!("{:?}", state::health(app)));
    facts.push(("Health Status", format!("{health}{reason}")));
    if let Some(operation) = state::operation(app) {
        facts.push(("Last Operation", operation_line(operation, paint, now)));
    }
    let summary = app
        .status
        .as_ref()
        .map(|status| status.summary.clone())
        .unwrap_or_default();
    for url in summary.external_urls.into_iter().flatten() {
        facts.push(("URL", url));
    }
    facts
}

fn sync_line(app: &Application, paint: Paint) -> String {
    let status = paint.word(&format!("{:?}", state::sync(app)));
    let target = state::source(app).and_then(|source| source.target_revision.as_deref());
    let way = if state::sync(app) == SyncStatusCode::Synced {
        "to"
    } else {
        "from"
    };
    match short(state::revision(app)) {
        "" => status,
        revision => format!("{status} {way} {} ({revision})", target.unwrap_or("HEAD")),
    }
}

/// An object by group, kind, namespace and name.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn key(resource: &ResourceStatus) -> Key<'_> {
    (
        resource.group.as_deref().unwrap_or_default(),
        resource.kind.as_deref().unwrap_or_default(),
        resource.namespace.as_deref().unwrap_or_default(),
        resource.name.as_deref().unwrap_or_default(),
    )
}

/// The table of an application's objects, with what the last sync and their health say.
fn resources(app: &Application, paint: Paint) -> String {
    let results = state::operation(app)
        .and_then(|operation| operation.sync_result.as_ref())
        .and_then(|result| result.resources.as_deref())
        .unwrap_or_default();
    let messages: BTreeMap<Key<'_>, &str> = results
        .iter()
        .map(|one| {
            let key = (&*one.group, &*one.kind, &*one.namespace, &*one.name);
            (key, one.message.as_deref().unwrap_or_default())
        })
        .collect();
    let header = [
        "GROUP",
        "KIND",
        "NAMESPACE",
        "NAME",
        "STATUS",
        "HEALTH",
        "MESSAGE",
    ];
    let mut table = Table::new(&header);
    for resource in state::resources(app) {
        let (group, kind, namespace, name) = key(resource);
        let health = resource.health.clone().unwrap_or_default();
        let status = resource
            .status
            .map(|status| format!("{status:?}"))
            .unwrap_or_default();
        let prune = if resource.requires_pruning == Some(true) {
            " (requires pruning)"
        } else {
            ""
        };
        let own = health.message.filter(|message| !message.is_empty());
        let synced = messages.get(&key(resource)).copied().unwrap_or_default();
        let code = health
            .status
            .map(|code| format!("{code:?}"))
            .unwrap_or_default();
        table.row([
            group.to_owned(),
            kind.to_owned(),
            namespace.to_owned(),
            name.to_owned(),
            format!("{}{prune}", paint.word(&status)),
            paint.word(&code),
            own.unwrap_or_else(|| synced.to_owned()),
        ]);
    }
    table.render()
}
