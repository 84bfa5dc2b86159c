//! Compares what is with what shall be, and takes an operation one step further.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_resources::argoproj::{
    AppProjectSpec, ApplicationStatus, OperationPhase, OperationState, ResourceStatus,
    SyncOperation, SyncStatusCode,
};

use serde_json::Value;

use super::{GLANCE, Pass, Wrong, load};
use crate::compare::{Comparison, is_extraneous};
use crate::error::Error;
use crate::ignore::Ignored;
use crate::live::{Pair, read};
use crate::memory::{Memory, Rendered};
use crate::reference::{Reference, TRACKING, annotation, tracked_by};
use crate::refresh::Refresh;
use crate::sync::Sync;
use crate::sync_option::SyncOptions;
use crate::target::Targets;
use crate::{manifest, status, watch};

impl Pass<'_> {
    fn options(&self) -> Result<SyncOptions, String> {
        let policy = self.app.spec.sync_policy.as_ref();
        let options = policy.and_then(|policy| policy.sync_options.as_ref());
        SyncOptions::parse(options.into_iter().flatten()).map_err(|error| error.to_string())
    }

    fn ignored(&self) -> Result<Ignored, String> {
        let rules = self
            .app
            .spec
            .ignore_differences
            .as_deref()
            .unwrap_or_default();
        Ignored::parse(rules).map_err(|error| error.to_string())
    }

    /// The operation's next step.
    pub(super) async fn step(
        &self,
        status: &mut ApplicationStatus,
        wanted: &Result<Rendered, String>,
        project: Option<&AppProjectSpec>,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let Some(mut state) = status.operation_state.clone() else {
            return Ok(());
        };
        follow(&mut state, wanted);
        let operation = state.operation.sync.clone().unwrap_or_default();
        let prepared = self.prepare(&operation, wanted, project, memory).await;
        let (rendered, options, ignored) = match prepared {
            Ok(prepared) => prepared,
            Err((condition, message)) => {
                state.phase = OperationPhase::Error;
                state.message = Some(format!("{condition}: {message}"));
                state.finished_at = Some(Time(self.now));
                status.operation_state = Some(state);
                return Ok(());
            }
        };
        let pairs = read(self.cluster, &rendered.targets, status, self.instance).await?;
        let comparison = Comparison {
            cluster: self.cluster,
            options: &options,
            ignored: &ignored,
        };
        let mut out_of_sync = Vec::new();
        let begun = state.sync_result.is_some();
        for pair in &pairs {
            if begun
                || comparison.verdict(pair, &mut memory.verdicts).await != SyncStatusCode::Synced
            {
                out_of_sync.push(pair.reference.clone());
            }
        }
        let sync = Sync {
            app: self.app,
            cluster: self.cluster,
            operation: &operation,
            options: &options,
            ignored: &ignored,
            targets: &rendered.targets,
            pairs: &pairs,
            out_of_sync: &out_of_sync,
            revision: &rendered.commit,
            instance: self.instance,
            now: self.now,
        };
        sync.pass(&mut state).await;
        status.operation_state = Some(state);
        Ok(())
    }

    /// What an operation works on; or the condition that keeps it from working.
    async fn prepare(
        &self,
        operation: &SyncOperation,
        wanted: &Result<Rendered, String>,
        project: Option<&AppProjectSpec>,
        memory: &mut Memory,
    ) -> Result<(Rendered, SyncOptions, Ignored), (&'static str, String)> {
        if operation.manifests.is_some() {
            let message = "operation.sync.manifests is not supported yet; push to the repository";
            return Err(("SyncError", message.to_owned()));
        }
        let options = match &operation.sync_options {
            Some(options) => SyncOptions::parse(options).map_err(|error| error.to_string()),
            None => self.options(),
        };
        let options = options.map_err(|message| ("InvalidSpecError", message))?;
        let ignored = self
            .ignored()
            .map_err(|message| ("InvalidSpecError", message))?;
        let own = manifest::source_of(self.app);
        let own = own.map_err(|error| ("ComparisonError", load::said(&error)))?;
        let source = operation.source.as_ref().unwrap_or(own);
        let revision = operation
            .revision
            .as_deref()
            .filter(|text| !text.is_empty());
        let here = |rendered: &Rendered| {
            source == own && revision.is_none_or(|revision| revision == rendered.commit)
        };
        let rendered = match wanted {
            Ok(rendered) if here(rendered) => Ok(rendered.clone()),
            Err(message) if source == own && revision.is_none() => Err(message.clone()),
            _ => {
                let revision = revision
                    .or(source.target_revision.as_deref())
                    .unwrap_or("HEAD");
                self.load(source, revision, project, Refresh::Not, memory)
                    .await
            }
        };
        let rendered = rendered.map_err(|message| ("ComparisonError", message))?;
        Ok((rendered, options, ignored))
    }

    /// Fills the status with what is seen. Gives the time until the next look at objects whose kinds
    /// are not watched.
    pub(super) async fn look(
        &self,
        status: &mut ApplicationStatus,
        wanted: &Result<Rendered, String>,
        memory: &mut Memory,
        wrong: &mut Wrong,
    ) -> Result<Option<Duration>, Error> {
        let none = Targets::default();
        let mut known = true;
        let targets = match wanted {
            Ok(rendered) => {
                status.source_type = Some(rendered.source_type.as_str().to_owned());
                status.sync.revision = Some(rendered.commit.clone());
                &*rendered.targets
            }
            Err(message) => {
                wrong.push(("ComparisonError", message.clone()));
                known = false;
                &none
            }
        };
        for message in &targets.repeated {
            wrong.push(("RepeatedResourceWarning", message.clone()));
        }
        let settings = self
            .options()
            .and_then(|options| Ok((options, self.ignored()?)));
        let (options, ignored) = match settings {
            Ok(settings) => settings,
            Err(message) => {
                wrong.push(("InvalidSpecError", message));
                status.sync.status = SyncStatusCode::Unknown;
                return Ok(None);
            }
        };
        let pairs = read(self.cluster, targets, status, self.instance).await?;
        let comparison = Comparison {
            cluster: self.cluster,
            options: &options,
            ignored: &ignored,
        };
        let (mut resources, mut differs) = (Vec::new(), false);
        for pair in &pairs {
            let verdict = if known {
                comparison.verdict(pair, &mut memory.verdicts).await
            } else {
                SyncStatusCode::Unknown
            };
            self.warn_of_shared(pair, wrong);
            differs |= verdict == SyncStatusCode::OutOfSync && !is_spared(pair);
            let mut resource = status::resource(pair, verdict, &options);
            if !known {
                resource.requires_pruning = None;
            }
            resources.push(resource);
        }
        let places: BTreeSet<&Reference> = pairs.iter().map(|pair| &pair.reference).collect();
        memory.verdicts.retain(|place, _| places.contains(place));
        self.fill(status, &pairs, resources, known, differs);
        Ok(pairs
            .iter()
            .any(|pair| !watch::is_watched(&pair.reference))
            .then_some(GLANCE))
    }

    fn fill(
        &self,
        status: &mut ApplicationStatus,
        pairs: &[Pair],
        resources: Vec<ResourceStatus>,
        known: bool,
        differs: bool,
    ) {
        status.sync.status = match (known, differs) {
            (false, _) => SyncStatusCode::Unknown,
            (true, true) => SyncStatusCode::OutOfSync,
            (true, false) => SyncStatusCode::Synced,
        };
        status.sync.compared_to = Some(self.compared_to());
        status.health = if resources.is_empty() && !known {
            let unknown = seatrial_resources::argoproj::HealthStatusCode::Unknown;
            status::health(unknown, None, &status.health, self.now)
        } else {
            status::overall(&resources, &status.health, self.now)
        };
        status.summary = status::summary(pairs);
        status.resources = (!resources.is_empty()).then_some(resources);
    }

    fn warn_of_shared(&self, pair: &Pair, wrong: &mut Wrong) {
        let owner = pair
            .live
            .as_ref()
            .and_then(|live| annotation(live, TRACKING))
            .map(tracked_by);
        if let Some(owner) = owner.filter(|owner| *owner != self.instance && !owner.is_empty()) {
            let Reference { kind, name, .. } = &pair.reference;
            let message = format!(
                "{kind}/{name} is part of applications {} and {owner}",
                self.instance
            );
            wrong.push(("SharedResourceWarning", message));
        }
    }
}

/// `retry.refresh`: another try of an automated sync goes to the newest revision.
fn follow(state: &mut OperationState, wanted: &Result<Rendered, String>) {
    let retry = state.operation.retry.as_ref();
    let newest = state.retry_count.is_some() && state.sync_result.is_none();
    if !newest || retry.is_none_or(|retry| retry.refresh != Some(true)) {
        return;
    }
    if let (Some(sync), Ok(rendered)) = (&mut state.operation.sync, wanted)
        && sync.source.is_none()
    {
        sync.revision = Some(rendered.commit.clone());
    }
}

/// Whether an object that is no longer desired leaves the application in sync: because it says so, or
/// because it is on its way out already.
fn is_spared(pair: &Pair) -> bool {
    let going = |live: &Value| live.pointer("/metadata/deletionTimestamp").is_some();
    let live = pair.live.as_ref();
    pair.target.is_none() && live.is_some_and(|live| is_extraneous(live) || going(live))
}
