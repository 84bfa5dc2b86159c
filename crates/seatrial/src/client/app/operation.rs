//! `app sync` and `app rollback`: ask for an operation and follow it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use kube::api::{Patch, PatchParams};
use seatrial_resources::argoproj::{
    Application, Info, Operation, OperationInitiator, OperationPhase, OperationState,
    SyncOperation, SyncOperationResource, SyncStrategy, SyncStrategyApply,
};
use serde_json::json;
use tokio::time::Instant;

use super::progress::Progress;
use super::refresh::INTERVAL;
use super::{Place, state, view};
use crate::client::connect::{Session, failed};
use crate::client::duration;
use crate::client::style::short;

/// The fact by which an operation is known again in the status.
const REQUEST: &str = "seatrial.dev/request";

/// Make the cluster as the repository says, and follow it to the end
#[derive(Args, Debug, Clone)]
#[command(after_help = "Exit code 1 where the sync fails.")]
pub(super) struct Sync {
    /// The application
    pub(super) name: String,
    /// Delete what is gone from the repository
    #[arg(long)]
    prune: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// A branch, tag or commit instead of the application's own
    #[arg(long)]
    revision: Option<String>,
    /// Only this object, as GROUP:KIND:NAME (the group may be empty); may be given several times
    #[arg(long, value_name = "GROUP:KIND:NAME", value_parser = resource)]
    resource: Vec<SyncOperationResource>,
    /// Make objects anew that cannot be changed
    #[arg(long)]
    force: bool,
    /// Do not wait for the end
    #[arg(long = "async")]
    detached: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = duration::parse, default_value = "5m")]
    timeout: Duration,
}

/// Go back to an earlier sync; automated sync has to be off
#[derive(Args, Debug, Clone)]
pub(super) struct Rollback {
    /// The application
    pub(super) name: String,
    /// The number of the sync in `seatrial app history` [default: the one before the last]
    id: Option<i64>,
    /// Delete what that sync did not have
    #[arg(long)]
    prune: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end
    #[arg(long = "async")]
    detached: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = duration::parse, default_value = "5m")]
    timeout: Duration,
}

fn resource(text: &str) -> Result<SyncOperationResource, String> {
    match text.split(':').collect::<Vec<_>>()[..] {
        [group, kind, name] if !kind.is_empty() && !name.is_empty() => Ok(SyncOperationResource {
            group: (!group.is_empty()).then(|| group.to_owned()),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: None,
        }),
        _ => Err(format!(
            "`{text}` is not GROUP:KIND:NAME, such as apps:Deployment:web"
        )),
    }
}

impl Sync {
    /// Asks for a sync and follows it.
    pub(super) async fn run(&self, session: &Session, place: &Place) -> anyhow::Result<ExitCode> {
        let app = place.read().await?;
        let own = state::source(&app).and_then(|source| source.target_revision.as_deref());
        let own = own.unwrap_or("HEAD");
        if let Some(other) = self.revision.as_deref().filter(|other| *other != own)
            && state::is_automated(&app)
            && !self.dry_run
        {
            bail!(
                "Cannot sync to {other}: auto-sync currently set to {own}. Change \
                 spec.source.targetRevision of {}, or take spec.syncPolicy.automated away",
                place.describe()
            );
        }
        let apply = SyncStrategyApply {
            force: self.force.then_some(true),
        };
        let options = app
            .spec
            .sync_policy
            .as_ref()
            .and_then(|policy| policy.sync_options.clone());
        let sync = SyncOperation {
            revision: self.revision.clone(),
            prune: self.prune.then_some(true),
            dry_run: self.dry_run.then_some(true),
            resources: (!self.resource.is_empty()).then(|| self.resource.clone()),
            sync_strategy: Some(SyncStrategy {
                apply: None,
                hook: Some(apply),
            }),
            sync_options: options,
            ..SyncOperation::default()
        };
        let limit = (!self.detached).then_some(self.timeout);
        start(session, place, &app, sync, limit).await
    }
}

impl Rollback {
    /// Asks for a sync to an earlier revision and follows it.
    pub(super) async fn run(&self, session: &Session, place: &Place) -> anyhow::Result<ExitCode> {
        let app = place.read().await?;
        if state::is_automated(&app) {
            bail!(
                "{}: rollback cannot be initiated when auto-sync is enabled. Take \
                 spec.syncPolicy.automated away first, or revert the commit in the repository",
                place.describe()
            );
        }
        let history = app
            .status
            .as_ref()
            .and_then(|status| status.history.as_deref());
        let history = history.unwrap_or_default();
        let entry = match self.id {
            Some(id) => history.iter().find(|entry| entry.id == id),
            None => history.iter().rev().nth(1),
        };
        let Some(entry) = entry else {
            let ids: Vec<_> = history.iter().map(|entry| entry.id.to_string()).collect();
            let wanted = self.id.map_or_else(
                || "before the last".to_owned(),
                |id| format!("with ID {id}"),
            );
            let known = if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(", ")
            };
            bail!(
                "{} has no sync {wanted}; its history has: {known}",
                place.describe()
            );
        };
        let text = format!("Going back to {} (ID {})", short(&entry.revision), entry.id);
        session.screen.line(text);
        let options = app
            .spec
            .sync_policy
            .as_ref()
            .and_then(|policy| policy.sync_options.clone());
        let sync = SyncOperation {
            revision: Some(entry.revision.clone()),
            prune: self.prune.then_some(true),
            dry_run: self.dry_run.then_some(true),
            source: entry.source.clone(),
            sync_strategy: Some(SyncStrategy {
                apply: Some(SyncStrategyApply::default()),
                hook: None,
            }),
            sync_options: options,
            ..SyncOperation::default()
        };
        let limit = (!self.detached).then_some(self.timeout);
        start(session, place, &app, sync, limit).await
    }
}

/// Writes the operation, and follows it for at most `limit`.
async fn start(
    session: &Session,
    place: &Place,
    app: &Application,
    sync: SyncOperation,
    limit: Option<Duration>,
) -> anyhow::Result<ExitCode> {
    if state::is_busy(app) {
        bail!(
            "{}: another operation is already in progress; wait for it with `seatrial app wait {} \
             --operation`",
            place.describe(),
            place.name
        );
    }
    // The version of the object names the request: no other one can be made of the same version.
    let request = app.metadata.resource_version.clone().unwrap_or_default();
    let operation = Operation {
        sync: Some(sync),
        initiated_by: Some(OperationInitiator {
            username: Some("seatrial".to_owned()),
            automated: None,
        }),
        info: Some(vec![Info {
            name: REQUEST.to_owned(),
            value: request.clone(),
        }]),
        retry: app
            .spec
            .sync_policy
            .as_ref()
            .and_then(|policy| policy.retry.clone()),
    };
    let patch = Patch::Merge(json!({
        "metadata": { "resourceVersion": request },
        "operation": operation,
    }));
    match place
        .api
        .patch(&place.name, &PatchParams::default(), &patch)
        .await
    {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => bail!(
            "{} was changed by somebody else at this moment; try again",
            place.describe()
        ),
        Err(error) => {
            return Err(failed(
                error,
                &format!("asking to sync {}", place.describe()),
            ));
        }
    }
    let Some(limit) = limit else {
        session
            .screen
            .line(format!("The sync of {} is asked for", place.describe()));
        return Ok(ExitCode::SUCCESS);
    };
    follow(session, place, &request, limit).await
}

/// Prints what happens to the operation until it ends.
async fn follow(
    session: &Session,
    place: &Place,
    request: &str,
    limit: Duration,
) -> anyhow::Result<ExitCode> {
    let deadline = Instant::now() + limit;
    let mut progress = Progress::new(session.screen.paint());
    loop {
        let app = place.read().await?;
        if let Some(operation) = state::operation(&app).filter(|one| is_of(one, request)) {
            for line in progress.news(operation) {
                session.screen.line(line);
            }
            if app.operation.is_none() && state::is_final(operation.phase) {
                let line =
                    view::operation_line(operation, session.screen.paint(), session.clock.now());
                session.screen.line(format!("{}: {line}", place.describe()));
                return Ok(match operation.phase {
                    OperationPhase::Succeeded => ExitCode::SUCCESS,
                    _ => ExitCode::FAILURE,
                });
            }
        }
        if Instant::now() >= deadline {
            let operation = state::operation(&app).filter(|one| is_of(one, request));
            let message = operation.and_then(|operation| operation.message.clone());
            bail!(
                "{}: the sync did not end within {}s ({}); see `seatrial app get {}`",
                place.describe(),
                limit.as_secs(),
                message
                    .unwrap_or_else(|| "it has not begun: is its controller running?".to_owned()),
                place.name
            );
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn is_of(operation: &OperationState, request: &str) -> bool {
    let info = operation.operation.info.as_deref().unwrap_or_default();
    info.iter()
        .any(|info| info.name == REQUEST && info.value == request)
}
