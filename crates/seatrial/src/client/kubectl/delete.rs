//! `kubectl delete`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{ArgAction, Args, ValueEnum};
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use tokio::time::Instant;

use super::apply::{kind_of, namespace_of};
use super::kind::Kinds;
use super::manifest::Manifests;
use super::target::{Target, Targets};
use super::wait::INTERVAL;
use crate::client::connect::{Session, failed, is_missing};
use crate::client::duration;

/// Delete objects
#[derive(Args, Debug)]
pub(super) struct Delete {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    targets: Targets,
    /// What is not there is no error
    #[arg(long)]
    ignore_not_found: bool,
    /// Wait until they are gone
    #[arg(long, action = ArgAction::Set, default_value_t = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    wait: bool,
    /// How long to wait; 0 without end
    #[arg(long, value_parser = duration::parse, default_value = "0")]
    timeout: Duration,
    /// What happens to objects that these own
    #[arg(long, value_enum, default_value_t)]
    cascade: Cascade,
}

/// What happens to objects that the deleted ones own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Cascade {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They are deleted before.
    Foreground,
    /// They stay.
    Orphan,
}

impl Delete {
    pub(super) async fn run(
        &self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let targets = self.all(session, namespace).await?;
        if targets.is_empty() {
            session.screen.line("No resources found");
        }
        let mut code = ExitCode::SUCCESS;
        let mut gone = Vec::new();
        for target in targets {
            match self.delete(&target).await? {
                Some(uid) => {
                    session.screen.line(format!(
                        "{} \"{}\" deleted",
                        target.kind.qualified(),
                        target.name
                    ));
                    gone.push((target, uid));
                }
                None if self.ignore_not_found => {}
                None => {
                    session.screen.error(format!(
                        "error: {} \"{}\" not found",
                        target.kind.resource.plural, target.name
                    ));
                    code = ExitCode::FAILURE;
                }
            }
        }
        if self.wait {
            self.await_end(&gone).await?;
        }
        Ok(code)
    }

    async fn all(&self, session: &Session, namespace: Option<&str>) -> anyhow::Result<Vec<Target>> {
        let kinds = Kinds::load(&session.client).await?;
        let default = namespace.unwrap_or(&session.namespace);
        if self.manifests.is_empty() {
            return self.targets.resolve(session, &kinds, default).await;
        }
        if !self.targets.words.is_empty() {
            bail!("give either -f or -k, or KIND NAME");
        }
        let mut targets = Vec::new();
        for object in self.manifests.read()? {
            let kind = kind_of(&kinds, &object)?;
            let namespace = namespace_of(kind, &object, namespace, &session.namespace)?;
            targets.push(Target {
                kind: kind.clone(),
                api: kind.api(&session.client, &namespace),
                name: object.name().to_owned(),
            });
        }
        Ok(targets)
    }

    /// Deletes; the uid of what was deleted, nothing where there was nothing.
    async fn delete(&self, target: &Target) -> anyhow::Result<Option<Option<String>>> {
        let what = format!("deleting {}", target.describe());
        let uid = match target.api.get_metadata(&target.name).await {
            Ok(found) => found.metadata.uid,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed(error, &what)),
        };
        let parameters = DeleteParams {
            propagation_policy: Some(match self.cascade {
                Cascade::Background => PropagationPolicy::Background,
                Cascade::Foreground => PropagationPolicy::Foreground,
                Cascade::Orphan => PropagationPolicy::Orphan,
            }),
            preconditions: Some(Preconditions {
                uid: uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match target.api.delete(&target.name, &parameters).await {
            Ok(_) => Ok(Some(uid)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed(error, &what)),
        }
    }

    async fn await_end(&self, gone: &[(Target, Option<String>)]) -> anyhow::Result<()> {
        let start = Instant::now();
        for (target, uid) in gone {
            loop {
                match target.api.get_metadata(&target.name).await {
                    Ok(found) if found.metadata.uid == *uid => {}
                    Ok(_) => break,
                    Err(error) if is_missing(&error) => break,
                    Err(error) => {
                        return Err(failed(error, &format!("waiting for {}", target.describe())));
                    }
                }
                if !self.timeout.is_zero() && start.elapsed() >= self.timeout {
                    bail!("timed out waiting for {} to be gone", target.describe());
                }
                tokio::time::sleep(INTERVAL).await;
            }
        }
        Ok(())
    }
}
