//! What an Application's status says, in words. Pure.

use seatrial_resources::argoproj::{
    Application, ApplicationSource, HealthStatusCode, OperationPhase, OperationState,
    ResourceStatus, SyncPolicy, SyncStatusCode,
};

/// Whether the cluster is as the repository says.
pub(super) fn sync(app: &Application) -> SyncStatusCode {
    app.status
        .as_ref()
        .map_or(SyncStatusCode::Unknown, |status| status.sync.status)
}

/// Whether what runs is well.
pub(super) fn health(app: &Application) -> HealthStatusCode {
    let health = app.status.as_ref().and_then(|status| status.health.status);
    health.unwrap_or(HealthStatusCode::Unknown)
}

/// The commit that was compared.
pub(super) fn revision(app: &Application) -> &str {
    let revision = app
        .status
        .as_ref()
        .and_then(|status| status.sync.revision.as_deref());
    revision.unwrap_or_default()
}

/// The operation under way or the last one.
pub(super) fn operation(app: &Application) -> Option<&OperationState> {
    app.status.as_ref()?.operation_state.as_ref()
}

/// Whether an operation is asked for or under way.
pub(super) fn is_busy(app: &Application) -> bool {
    let under_way = operation(app).is_some_and(|state| !is_final(state.phase));
    app.operation.is_some() || under_way
}

/// Whether an operation has ended.
pub(super) fn is_final(phase: OperationPhase) -> bool {
    !matches!(phase, OperationPhase::Running | OperationPhase::Terminating)
}

/// The source, or the first of several.
pub(super) fn source(app: &Application) -> Option<&ApplicationSource> {
    let several = app
        .spec
        .sources
        .as_ref()
        .and_then(|sources| sources.first());
    several.or(app.spec.source.as_ref())
}

/// Whether syncs happen by themselves.
pub(super) fn is_automated(app: &Application) -> bool {
    let policy = app
        .spec
        .sync_policy
        .as_ref()
        .and_then(|policy| policy.automated.as_ref());
    policy.is_some_and(|automated| automated.enabled != Some(false))
}

/// The sync policy in words: `Automated (Prune, Self-Heal)` or `Manual`.
pub(super) fn policy(policy: Option<&SyncPolicy>) -> String {
    let automated = policy.and_then(|policy| policy.automated.as_ref());
    let Some(automated) = automated.filter(|automated| automated.enabled != Some(false)) else {
        return "Manual".to_owned();
    };
    let options = [
        ("Prune", automated.prune),
        ("Self-Heal", automated.self_heal),
        ("Allow-Empty", automated.allow_empty),
    ];
    let set: Vec<_> = options
        .iter()
        .filter(|(_, on)| *on == Some(true))
        .map(|(name, _)| *name)
        .collect();
    if set.is_empty() {
        "Automated".to_owned()
    } else {
        format!("Automated ({})", set.join(", "))
    }
}

/// The objects of the application.
pub(super) fn resources(app: &Application) -> &[ResourceStatus] {
    let resources = app
        .status
        .as_ref()
        .and_then(|status| status.resources.as_deref());
    resources.unwrap_or_default()
}

/// `Rollout production/shop`.
pub(super) fn describe(resource: &ResourceStatus) -> String {
    let kind = resource.kind.as_deref().unwrap_or_default();
    let name = resource.name.as_deref().unwrap_or_default();
    match resource.namespace.as_deref().unwrap_or_default() {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}

/// Why the application is not well: its own message, or what its worst objects say.
pub(super) fn reason(app: &Application) -> Option<String> {
    let own = app
        .status
        .as_ref()
        .and_then(|status| status.health.message.clone());
    if let Some(own) = own.filter(|message| !message.is_empty()) {
        return Some(own);
    }
    let worst = health(app);
    if worst == HealthStatusCode::Healthy || worst == HealthStatusCode::Unknown {
        return None;
    }
    let reasons: Vec<String> = resources(app)
        .iter()
        .filter_map(|resource| {
            let health = resource
                .health
                .as_ref()
                .filter(|health| health.status == Some(worst))?;
            let message = health
                .message
                .as_deref()
                .filter(|message| !message.is_empty());
            Some(match message {
                Some(message) => format!("{}: {message}", describe(resource)),
                None => describe(resource),
            })
        })
        .collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// The first condition in words.
pub(super) fn complaint(app: &Application) -> Option<String> {
    let condition = app.status.as_ref()?.conditions.as_ref()?.first()?;
    Some(format!("{}: {}", condition.type_, condition.message))
}
