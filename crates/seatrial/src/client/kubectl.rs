//! The small `kubectl` that steps of a pipeline find where none is installed.
//!
//! ```text
//!   arguments ──▶ discovery (kinds) ──▶ one request per object ──▶ the words kubectl would print
//! ```

mod apply;
mod change;
mod create;
mod delete;
mod get;
mod kind;
mod manifest;
mod progress;
mod target;
mod wait;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::applet::{self, Original};
use super::connect::{Connection, Preference, Session, explain};
use super::kustomize;

const ORIGINAL: Original = Original {
    name: "kubectl",
    page: "https://kubernetes.io/docs/tasks/tools/",
};

/// A small kubectl: apply, get, delete, create namespace, wait, rollout status, set image, scale
#[derive(Args, Debug, Clone)]
#[command(disable_help_flag = true)]
pub(crate) struct KubectlApplet {
    /// What kubectl would be given
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

#[derive(Parser, Debug)]
#[command(
    name = "kubectl",
    about = "The kubectl built into seatrial: what pipelines need of it",
    disable_version_flag = true,
    after_help = "\
Examples:
  kubectl apply -k k8s/overlays/staging
  kubectl get pods -n staging -l app=shop -o wide
  kubectl set image deployment/shop web=registry.local/shop:1.4 -n staging
  kubectl rollout status deployment/shop -n staging --timeout=2m
  kubectl wait --for=condition=Available deployment/shop -n staging"
)]
struct Kubectl {
    #[command(flatten)]
    connection: Connection,
    /// The namespace [default: the context's]
    #[arg(long, short = 'n', global = true)]
    namespace: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Apply manifests, on the server's side; takes over fields that others set
    Apply(apply::Apply),
    /// Show objects
    Get(get::Get),
    /// Delete objects
    Delete(delete::Delete),
    /// Create a namespace
    #[command(subcommand)]
    Create(create::Create),
    /// Wait for a state of objects
    Wait(wait::Wait),
    /// Follow a Deployment's rollout
    #[command(subcommand)]
    Rollout(progress::RolloutVerb),
    /// Set a field
    #[command(subcommand)]
    Set(change::Set),
    /// Set the number of pods
    Scale(change::Scale),
    /// Print the objects of a kustomization
    Kustomize {
        /// The folder with the kustomization.yaml
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Print the versions
    Version {
        /// Only that of this program
        #[arg(long)]
        client: bool,
    },
}

impl KubectlApplet {
    /// Runs.
    ///
    /// # Errors
    /// What went wrong, with the object.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let kubectl: Kubectl = match applet::parse(&ORIGINAL, &self.arguments) {
            Ok(kubectl) => kubectl,
            Err(refusal) => return Ok(refusal.report()),
        };
        if let Some(text) = kubectl.command.local()? {
            super::screen::Screen::standard().print(&text);
            return Ok(ExitCode::SUCCESS);
        }
        let session = kubectl.connection.open(Preference::Current).await?;
        let done = kubectl
            .command
            .execute(&session, kubectl.namespace.as_deref())
            .await;
        done.map_err(|error| explain(error, &session.place))
    }
}

impl Command {
    /// What needs no cluster.
    fn local(&self) -> anyhow::Result<Option<String>> {
        Ok(match self {
            Self::Kustomize { directory } => Some(kustomize::built(directory)?),
            Self::Version { client: true } => Some(client_version()),
            Self::Create(create) => create.local()?,
            _ => None,
        })
    }

    async fn execute(self, session: &Session, namespace: Option<&str>) -> anyhow::Result<ExitCode> {
        match self {
            Self::Apply(apply) => apply.run(session, namespace).await,
            Self::Get(get) => get.run(session, namespace).await,
            Self::Delete(delete) => delete.run(session, namespace).await,
            Self::Create(create) => create.run(session).await,
            Self::Wait(wait) => wait.run(session, namespace).await,
            Self::Rollout(verb) => verb.run(session, namespace).await,
            Self::Set(set) => set.run(session, namespace).await,
            Self::Scale(scale) => scale.run(session, namespace).await,
            Self::Kustomize { .. } => Ok(ExitCode::SUCCESS),
            Self::Version { .. } => {
                session.screen.print(&client_version());
                let server = session.client.apiserver_version().await?;
                session
                    .screen
                    .line(format!("Server Version: {}", server.git_version));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn client_version() -> String {
    format!(
        "Client Version: seatrial {} (a part of kubectl)\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Runs arguments in a session; the text of a refusal where they cannot be read.
#[cfg(test)]
pub(crate) async fn testing(
    session: &Session,
    arguments: &[OsString],
) -> Result<anyhow::Result<ExitCode>, String> {
    let kubectl: Kubectl = applet::parse(&ORIGINAL, arguments).map_err(|refusal| refusal.text)?;
    match kubectl.command.local() {
        Ok(Some(text)) => {
            session.screen.print(&text);
            Ok(Ok(ExitCode::SUCCESS))
        }
        Ok(None) => Ok(kubectl
            .command
            .execute(session, kubectl.namespace.as_deref())
            .await),
        Err(error) => Ok(Err(error)),
    }
}
