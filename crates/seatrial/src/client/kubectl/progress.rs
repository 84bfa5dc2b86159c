//! `kubectl rollout status`, of Deployments.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use tokio::time::Instant;

use super::kind::Kinds;
use super::target::named;
use super::wait::INTERVAL;
use crate::client::connect::{Session, failed};
use crate::client::duration;

/// Follow a rollout
#[derive(Subcommand, Debug)]
pub(super) enum RolloutVerb {
    /// Wait until a Deployment's newest version has taken over
    Status {
        /// deployment/NAME
        #[arg(required = true, value_name = "deployment/NAME")]
        words: Vec<String>,
        /// How long to wait; 0 without end
        #[arg(long, value_parser = duration::parse, default_value = "0")]
        timeout: Duration,
    },
}

/// Where a Deployment's rollout stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Done(String),
    Underway(String),
    Failed(String),
}

impl RolloutVerb {
    pub(super) async fn run(
        self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let Self::Status { words, timeout } = self;
        let kinds = Kinds::load(&session.client).await?;
        let namespace = namespace.unwrap_or(&session.namespace);
        for one in named(&words)? {
            let kind = kinds.called(&one.kind)?;
            if kind.resource.kind != "Deployment" || kind.resource.group != "apps" {
                bail!(
                    "the kubectl in seatrial follows Deployments only, not {}; for Rollouts there is \
                     `seatrial rollout status`",
                    kind.resource.kind
                );
            }
            let Some(name) = one.name else {
                bail!("name the Deployment: kubectl rollout status deployment/NAME");
            };
            let api = Api::namespaced(session.client.clone(), namespace);
            follow(session, &api, &name, timeout).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn follow(
    session: &Session,
    api: &Api<Deployment>,
    name: &str,
    timeout: Duration,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let deployment = api.get(name).await;
        let deployment =
            deployment.map_err(|error| failed(error, &format!("reading deployment {name}")))?;
        match standing(&deployment) {
            Standing::Done(text) => {
                session.screen.line(text);
                return Ok(());
            }
            Standing::Failed(text) => bail!("{text}"),
            Standing::Underway(text) if text != said => {
                session.screen.line(&text);
                said = text;
            }
            Standing::Underway(_) => {}
        }
        if !timeout.is_zero() && start.elapsed() >= timeout {
            bail!("timed out waiting for the condition: {said}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn standing(deployment: &Deployment) -> Standing {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    if deployment.metadata.generation > status.observed_generation {
        return Standing::Underway(
            "Waiting for deployment spec update to be observed...".to_owned(),
        );
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let late = conditions.iter().any(|condition| {
        condition.type_ == "Progressing"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    });
    if late {
        return Standing::Failed(format!(
            "deployment \"{name}\" exceeded its progress deadline"
        ));
    }
    let wanted = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let updated = status.updated_replicas.unwrap_or(0);
    let old = status.replicas.unwrap_or(0) - updated;
    let available = status.available_replicas.unwrap_or(0);
    let left = match () {
        () if updated < wanted => {
            format!("{updated} out of {wanted} new replicas have been updated...")
        }
        () if old > 0 => format!("{old} old replicas are pending termination..."),
        () if available < updated => {
            format!("{available} of {updated} updated replicas are available...")
        }
        () => return Standing::Done(format!("deployment \"{name}\" successfully rolled out")),
    };
    Standing::Underway(format!(
        "Waiting for deployment \"{name}\" rollout to finish: {left}"
    ))
}
