//! What each command does.

mod demo;
mod doctor;
mod down;
mod local;
mod status;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::arguments::{Arguments, Command, Which};
use crate::client;
use crate::cluster::Data;

/// Runs the command that was asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Up(up) => up::run(up).await,
        Command::Down(down) => down::run(down).await,
        Command::Status(which) => status::run(which).await,
        Command::Doctor(doctor) => doctor::run(doctor).await,
        Command::Kubeconfig(which) => status::kubeconfig(&which),
        Command::Demo(demo) => demo::run(demo).await,
        Command::App(app) => with_repositories(app).await.run().await,
        Command::Rollout(rollout) => rollout.run().await,
        Command::Pipeline(pipeline) => pipeline.run(client_state()).await,
        Command::Kubectl(kubectl) => kubectl.run().await,
        Command::Kustomize(kustomize) => kustomize.run().await,
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "seatrial", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The directory of the cluster that is meant.
pub(crate) fn data(which: &Which) -> Result<Data> {
    let root = match &which.data_dir {
        Some(folder) => folder.clone(),
        None => Data::default_root(&which.name)?,
    };
    Data::open(std::path::absolute(root)?)
}

/// Differences are shown by field where the repositories are on this machine; elsewhere the command
/// says that it only knows which objects differ.
async fn with_repositories(app: client::AppCommand) -> client::AppCommand {
    let Some(root) = local_root() else { return app };
    let Ok(data) = Data::open(root) else {
        return app;
    };
    match local::repositories(&data).await {
        Ok(Some(source)) => app.with_repositories(source),
        Ok(None) => app,
        Err(error) => {
            tracing::warn!("the repositories of this machine cannot be read: {error:#}");
            app
        }
    }
}

/// The folder of the cluster that is meant, where it exists.
fn local_root() -> Option<std::path::PathBuf> {
    let root = std::env::var_os("SEATRIAL_DATA_DIR").map(std::path::PathBuf::from);
    let name = std::env::var("SEATRIAL_NAME").unwrap_or_else(|_| "default".to_owned());
    root.or_else(|| Data::default_root(&name).ok())
        .filter(|root| root.is_dir())
}

/// What the commands that speak to a cluster know of the one on this machine.
fn client_state() -> client::State {
    client::State {
        log_directory: local_root().map(|root| root.join("pipelines/logs")),
    }
}
