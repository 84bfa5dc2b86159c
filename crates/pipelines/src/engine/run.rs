//! A run: its settings, its concurrency group, its jobs, and what is left behind.

use std::sync::Arc;

use seatrial_resources::seatrial_dev::PipelineRunStatus;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::context::RunScope;
use super::jobs::Jobs;
use super::masks::Masks;
use super::outcome::Conclusion;
use super::progress::Progress;
use super::{Engine, Request, instance};
use crate::expression::{Scope, Status};
use crate::port::{Entry, Kind, chain};

impl Engine {
    /// Runs a workflow to its end, publishing its status as it advances. Never fails itself: what
    /// goes wrong is in the status.
    pub async fn run(
        &self,
        request: Request,
        status: watch::Sender<PipelineRunStatus>,
        cancel: CancellationToken,
    ) -> Conclusion {
        let progress = Progress::new(status, self.ports.clock.clone());
        let (name, directory) = (request.name.clone(), request.directory.clone());
        self.ports.logs.start(&name);
        if let Err(error) = self.ports.store.remove_artifacts(&name) {
            tracing::warn!(run = name, error = chain(&error), "old artifacts stay");
        }
        let conclusion = match self.attempt(request, progress.clone(), cancel).await {
            Ok(conclusion) => conclusion,
            Err(message) => {
                self.ports.logs.append(&name, &self.failure(&message));
                progress.end(Conclusion::Failure, Some(message));
                Conclusion::Failure
            }
        };
        if let Err(error) = std::fs::remove_dir_all(&directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(directory = %directory.display(), %error, "a run's directory stays");
        }
        self.ports.logs.finish(&name);
        conclusion
    }

    async fn attempt(
        &self,
        request: Request,
        progress: Progress,
        cancel: CancellationToken,
    ) -> Result<Conclusion, String> {
        let scope = self
            .scope(request, progress.clone(), cancel.clone())
            .await?;
        self.ports
            .logs
            .append(&scope.request.name, &self.title(&scope)?);
        let _place = match &scope.request.workflow.concurrency {
            None => None,
            Some(concurrency) => {
                let contexts = scope.contexts();
                let values = Scope {
                    contexts: &contexts,
                    status: Status::Success,
                    files: None,
                };
                let request = &scope.request;
                let (key, holder) = instance::group(&request.repository, concurrency, &values)
                    .map_err(|error| format!("{}:{error}", request.workflow.path))?;
                progress.waiting(&format!("waiting for concurrency group `{key}`"));
                let place = self.groups.enter(&key, holder, &cancel).await;
                if place.is_none() {
                    let message = format!("cancelled while waiting for concurrency group `{key}`");
                    progress.end(Conclusion::Cancelled, Some(message));
                    return Ok(Conclusion::Cancelled);
                }
                place
            }
        };
        Ok(Jobs::new(Arc::new(scope), self.clone()).run().await)
    }

    /// The log's first line: the run's name for people (`run-name`), and what it runs for.
    fn title(&self, scope: &RunScope) -> Result<Entry, String> {
        let request = &scope.request;
        let contexts = scope.contexts();
        let values = Scope {
            contexts: &contexts,
            status: Status::Success,
            files: None,
        };
        let title = match &request.workflow.run_name {
            Some(template) => template.text(&values).map_err(|error| {
                format!("{}:{}: {error}", request.workflow.path, template.position())
            })?,
            None => request.workflow.title().to_owned(),
        };
        let (reference, commit) = (&request.reference, &request.commit);
        let text = format!("{title}: {} of {reference} at {commit}", request.event);
        let text = scope.masks.apply(&text);
        Ok(Entry {
            kind: Kind::Notice,
            ..self.failure(&text)
        })
    }

    fn failure(&self, message: &str) -> Entry {
        Entry {
            at: self.ports.clock.now(),
            job: String::new(),
            step: 0,
            name: "Set up run".to_owned(),
            kind: Kind::Error,
            text: message.to_owned(),
        }
    }

    async fn scope(
        &self,
        request: Request,
        progress: Progress,
        cancel: CancellationToken,
    ) -> Result<RunScope, String> {
        let ports = self.ports.clone();
        let settings = ports.secrets.settings(&request.repository).await;
        let settings = settings.map_err(|error| chain(&error))?;
        let token = ports
            .source
            .token(&request.repository)
            .await
            .map_err(|error| chain(&error))?;
        let masks = Masks::default();
        settings
            .secrets
            .values()
            .chain([&token])
            .for_each(|secret| masks.add(secret));
        Ok(RunScope {
            ports,
            request,
            settings,
            token,
            masks,
            progress,
            cancel,
        })
    }
}
